// Real pictures for the scripted hub: six moments of Debian's vtest.avi, and a clip around each.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const VIDEO = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
export const PRE_ROLL_S = 5;

const person = (l, t, w, h, score) => ({ box: { l, t, w, h }, score, class: "person" });
/** By the same seconds: where the first person goes, [ms, l, t, w, h in thousandths], as our tracker saw it. */
const paths = JSON.parse(readFileSync(new URL("paths.json", import.meta.url), "utf8"));
const pathOf = (at) =>
    paths[at].map(([at_ms, ...sides]) => {
        const [l, t, w, h] = sides.map((s) => s / 1000);
        return { at_ms, l, t, w, h };
    });
/** Seconds into the video, and the people a model would see there (marked by hand). */
const moments = [
    {
        at: 9,
        boxes: [
            person(0.743, 0.3, 0.035, 0.152, 0.83),
            person(0.497, 0.308, 0.03, 0.138, 0.77),
            person(0.636, 0.28, 0.038, 0.122, 0.74),
            person(0.383, 0.325, 0.031, 0.132, 0.71),
            person(0.603, 0.275, 0.034, 0.13, 0.58),
        ],
    },
    {
        at: 62,
        boxes: [
            person(0.486, 0.731, 0.074, 0.269, 0.94),
            person(0.755, 0.453, 0.05, 0.181, 0.88),
            person(0.804, 0.513, 0.05, 0.182, 0.86),
            person(0.599, 0.3, 0.042, 0.14, 0.7),
            person(0.087, 0.307, 0.04, 0.123, 0.55),
        ],
    },
    {
        at: 21,
        boxes: [person(0.848, 0.508, 0.068, 0.2, 0.91), person(0.203, 0.318, 0.031, 0.117, 0.63)],
    },
    {
        at: 48,
        boxes: [
            person(0.603, 0.408, 0.057, 0.176, 0.89),
            person(0.796, 0.466, 0.044, 0.206, 0.87),
            person(0.757, 0.43, 0.037, 0.157, 0.81),
        ],
    },
    {
        at: 35,
        boxes: [
            person(0.614, 0.325, 0.047, 0.153, 0.85),
            person(0.502, 0.388, 0.035, 0.165, 0.79),
            person(0.874, 0.385, 0.035, 0.167, 0.72),
            person(0.907, 0.387, 0.04, 0.163, 0.69),
        ],
    },
    {
        at: 2,
        boxes: [
            person(0.572, 0.4, 0.053, 0.152, 0.8),
            person(0.474, 0.328, 0.04, 0.153, 0.78),
            person(0.892, 0.47, 0.05, 0.182, 0.76),
            person(0.947, 0.47, 0.04, 0.172, 0.61),
        ],
    },
];
export const ZONE = [
    [0.4, 0.42],
    [0.6, 0.33],
    [0.98, 0.46],
    [0.99, 0.8],
    [0.72, 0.72],
    [0.52, 0.58],
].map(([x, y]) => ({ x, y }));

const digestOf = (bytes) => createHash("sha256").update(bytes).digest("hex");
function ffmpeg(...args) {
    execFileSync("ffmpeg", ["-v", "error", "-y", ...args]);
}

/** Without the video or ffmpeg the tests cannot show anything real and say so. */
export function picturesMissing() {
    return existsSync(VIDEO) ? "" : `no ${VIDEO} (apt install opencv-doc)`;
}

/** `clips: false` leaves the clips out: they take the longest, and not every page shows one. */
export function makePictures({ clips = true } = {}) {
    const folder = mkdtempSync(join(tmpdir(), "vedette-pictures-"));
    try {
        return moments.map((m, n) => {
            const jpeg = join(folder, `${n}.jpg`);
            const mp4 = join(folder, `${n}.mp4`);
            const from = Math.max(0, m.at - PRE_ROLL_S);
            ffmpeg("-ss", String(m.at), "-i", VIDEO, "-frames:v", "1", "-q:v", "3", jpeg);
            if (clips)
                ffmpeg(
                    "-ss",
                    String(from),
                    "-t",
                    "14",
                    "-i",
                    VIDEO,
                    "-an",
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-crf",
                    "30",
                    "-pix_fmt",
                    "yuv420p",
                    "-movflags",
                    "+faststart",
                    mp4,
                );
            const picture = readFileSync(jpeg);
            const clip = clips ? readFileSync(mp4) : Buffer.alloc(0);
            return {
                boxes: m.boxes.map((b, n) => (n === 0 ? { ...b, track: 12 } : b)),
                path: pathOf(m.at),
                preRollS: m.at - from,
                picture: { bytes: picture, digest: digestOf(picture) },
                clip: { bytes: clip, digest: digestOf(clip) },
            };
        });
    } finally {
        rmSync(folder, { recursive: true });
    }
}
