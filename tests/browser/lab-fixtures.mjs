// What a Lab holds, in the contract's words: pictures of the pool, curves and reports of runs.
import { createHash } from "node:crypto";
import { iso, MODEL } from "./fixtures.mjs";

const MINUTE = 60_000;
export const digestOf = (text) => createHash("sha256").update(text).digest("hex");
const share = (box, dx, dw) => ({
    l: Math.min(0.9, Math.max(0, box.l + dx)),
    t: box.t,
    w: Math.min(0.09, box.w + dw),
    h: box.h,
});

/** As many pool pictures as wanted over the few real ones; each has a name of its own. */
export function poolOf(shots, count) {
    const reasons = ["uncertain", "false_alarm", "random", "confirmed", "rare", "wrong_class"];
    return Array.from({ length: count }, (_, n) => {
        const shot = shots[n % shots.length];
        const reason = reasons[n % reasons.length];
        const boxes = shot.boxes.map((b) => ({ ...b, box: share(b.box, (n % 7) * 0.002, 0) }));
        return {
            picture: digestOf(`picture ${n}`),
            shot: shot.picture.digest,
            version: 1,
            label_state: n % 11 === 10 ? "none" : "proposed",
            source: reason === "random" || reason === "uncertain" ? "sample" : "incident",
            reason,
            device: "yard-box",
            camera: n % 3 === 2 ? "yard-2" : "yard-1",
            captured_at: iso(Date.now() - (n + 1) * 7 * MINUTE),
            added_at: iso(Date.now() - (n + 1) * 6 * MINUTE),
            width: 768,
            height: 576,
            here: true,
            proposals: n % 11 === 10 ? [] : boxes,
            ...(reason === "false_alarm"
                ? {
                      wrong: [
                          {
                              class: "person",
                              score: 0.52,
                              box: { l: 0.1, t: 0.6, w: 0.08, h: 0.2 },
                          },
                      ],
                  }
                : {}),
            model: MODEL,
            teach: Math.max(0, 2 - n * 0.01),
            teach_why: reason === "uncertain" ? ["scores near the threshold"] : [],
            history: [],
        };
    });
}
/** Curves as a training leaves them: the loss falls, the validation's turns up when it begins to learn by heart. */
export function pointsOf(epochs, { turn = 99 } = {}) {
    const points = [];
    for (let n = 0; n < epochs; n++) {
        const step = (n + 1) * 10;
        const train = 0.34 + 1.5 * Math.exp(-n / 4) + 0.03 * Math.sin(n * 2.1);
        const val =
            0.46 + 1.4 * Math.exp(-n / 4.5) + 0.02 * Math.sin(n) + Math.max(0, n - turn) * 0.035;
        const at = iso(Date.now() - (epochs - n) * 20_000);
        for (let k = 2; k <= 10; k += 2)
            points.push({
                step: step - 10 + k,
                at,
                values: {
                    train_loss: train + 0.12 * Math.exp(-n / 9) * Math.sin(n * 7 + k * 3),
                    learning_rate: 0.001 * 0.95 ** n,
                },
            });
        Object.assign(points.at(-1).values, {
            epoch_loss: train,
            val_loss: val,
            val_map50: 0.79 - 0.35 * Math.exp(-n / 5) - Math.max(0, n - turn) * 0.012,
        });
    }
    return points;
}
export function runReportOf(lab, run) {
    const curve = Array.from({ length: 101 }, (_, n) => [
        n / 100,
        Math.max(0, 1 - (n / 100) ** 6 * 0.95 - n * 0.0006),
    ]);
    const names = lab.pictures.map((p) => p.picture);
    return {
        format: "vedette.report/1",
        model: { name: "centernet-coco", digest: run.files[0].digest },
        dataset: run.config.dataset,
        split: "test",
        task: "detection",
        classes: ["person", "bicycle"],
        map: 0.521,
        map50: 0.843,
        map75: 0.55,
        area: { small: 0.31, medium: 0.56, large: null },
        recall: 0.86,
        precision: 0.91,
        per_class: [
            { class: "person", truths: 96, ap: 0.521, ap50: 0.843, tp: 83, fp: 8, fn: 13 },
            { class: "dog", truths: 0, ap: null, ap50: null },
        ],
        per_camera: [
            {
                name: "yard-box/yard-1",
                pictures: 16,
                groups: 6,
                truths: 64,
                map50: 0.88,
                tp: 60,
                fp: 4,
                fn: 4,
            },
            {
                name: "yard-box/yard-2",
                pictures: 8,
                groups: 3,
                truths: 32,
                map50: 0.71,
                tp: 23,
                fp: 4,
                fn: 9,
            },
        ],
        per_hour: [],
        curve,
        false_alarms: { per_picture: 0.33, at_score: 0.4 },
        worst: names.slice(0, 6).map((picture, n) => ({
            picture,
            camera: "yard-1",
            reason: n % 2 ? "false_alarm" : "missed",
            why: n % 2 ? "2 false alarms" : "3 of 5 missed",
        })),
        calibration: { error: 0.04, bins: [] },
        latency_ms: { median: 21.4, p95: 29.8 },
        pictures: [],
        words: ["Only 9 groups were held out: the interval is wide."],
    };
}
