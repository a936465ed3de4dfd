// Models, rollouts, watch, fleet and insights of the scripted hub, over a site in memory. It is put over a
// scripted Lab, whose datasets and runs it shares. The figures are plausible; nothing here was measured.
import { createHash } from "node:crypto";
import { iso, MODEL, ulid } from "./fixtures.mjs";
import { json, problem } from "./scripted-hub.mjs";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const digestOf = (text) => createHash("sha256").update(text).digest("hex");
/** The same numbers in every run, so that screenshots can be compared. */
function noise(seed) {
    let s = seed;
    return () => {
        s = (s * 1664525 + 1013904223) % 4294967296;
        return s / 4294967296 - 0.5;
    };
}
const COCO = ["person", "bicycle", "car", "motorcycle", "bus", "truck", "dog", "backpack", "umbrella"];

function modelOf(version, over = {}) {
    const digest = over.digest ?? digestOf(`model ${version}`);
    return {
        digest,
        name: "centernet-coco",
        version,
        state: "candidate",
        repository: "models/centernet-coco",
        manifest: `sha256:${digestOf(`manifest ${version}`)}`,
        descriptor: digestOf("descriptor"),
        labels: digestOf("labels"),
        bytes: 18_874_368,
        classes: COCO,
        score_min: 0.3,
        reference_pictures: 8,
        devices: 0,
        registered_at: iso(Date.now() - 3 * HOUR),
        registered_by: "ines",
        key: "5f0c9a3e71b2d846",
        history: [],
        ...over,
    };
}
function someModels(dataset, run) {
    const before = modelOf(1, {
        digest: MODEL.digest,
        state: "champion",
        devices: 2,
        registered_at: iso(Date.now() - 40 * DAY),
        registered_by: "anna",
        approved_by: "anna",
        approved_at: iso(Date.now() - 40 * DAY),
    });
    before.history = [
        { at: before.registered_at, who: "anna", what: "registered" },
        { at: before.approved_at, who: "anna", what: "promoted", reason: "the first of its name" },
    ];
    const next = modelOf(2, { dataset: dataset.digest, run: run.id, parent: before.digest });
    next.history = [{ at: next.registered_at, who: "ines", what: "registered" }];
    const small = modelOf(1, {
        digest: digestOf("small"),
        name: "yard-small-int8",
        repository: "models/yard-small-int8",
        state: "retired",
        bytes: 4_928_300,
        classes: ["person"],
        score_min: 0.42,
        registered_at: iso(Date.now() - 9 * DAY),
    });
    small.history = [{ at: small.registered_at, who: "ines", what: "registered" }];
    return [next, before, small];
}

const verdictOf = (over = {}) => ({
    promote: false,
    outcome: "not_shown",
    why: "mAP50 0.871 → 0.874, 95 % interval −0.012 … +0.018: not shown to be better",
    confidence: 0.95,
    margin: 0.005,
    draws: 2000,
    groups: 9,
    pictures: 128,
    map50: { champion: 0.871, challenger: 0.874, difference: 0.003, low: -0.012, high: 0.018 },
    false_alarms: { champion: 0.31, challenger: 0.27, difference: -0.04, low: -0.09, high: 0.02 },
    words: ["9 groups are few: 20 labelled hours more would halve the interval."],
    ...over,
});
export const betterVerdict = verdictOf({
    promote: true,
    outcome: "better",
    why: "mAP50 0.871 → 0.912, 95 % interval +0.021 … +0.060: better",
    map50: { champion: 0.871, challenger: 0.912, difference: 0.041, low: 0.021, high: 0.06 },
    false_alarms: { champion: 0.31, challenger: 0.14, difference: -0.17, low: -0.25, high: -0.09 },
    words: [],
});

const curveOf = (edge) =>
    Array.from({ length: 101 }, (_, n) => {
        const recall = n / 100;
        return [recall, recall > edge + 0.06 ? 0 : Math.max(0, 1 - Math.pow(recall / edge, 9) * 0.5 - recall * 0.06)];
    });
function reportOf(model, dataset, shots, by, edge) {
    const ap = (n, k) => Math.max(0.05, Math.min(0.99, by - n * 0.045 + k));
    return {
        format: "vedette.report/1",
        model: { name: model.name, digest: model.digest },
        dataset: dataset.digest,
        split: "test",
        task: "detection",
        classes: COCO,
        map: by - 0.28,
        map50: by,
        map75: by - 0.31,
        area: { small: by - 0.4, medium: by - 0.2, large: null },
        recall: by + 0.02,
        precision: by - 0.03,
        per_class: COCO.map((name, n) => ({
            class: name,
            truths: n === 8 ? 0 : Math.round(420 / (1 + n * n)),
            ap: ap(n, -0.25),
            ap50: n === 8 ? null : ap(n, 0),
            tp: 10, fp: 2, fn: 3,
        })),
        per_camera: ["yard-box/yard-1", "yard-box/yard-2", "dock-box/ramp"].map((name, n) => ({
            name, pictures: 60 - n * 20, groups: 4 - n, truths: 230 - n * 60, map50: ap(n, n === 2 ? -0.06 : 0.02),
            tp: 100, fp: 11, fn: 14,
        })),
        per_hour: [],
        curve: curveOf(edge),
        false_alarms: { per_picture: by > 0.9 ? 0.14 : 0.31, at_score: 0.3 },
        worst: shots.slice(0, 4).map((s, n) => ({
            picture: s.picture.digest,
            camera: "yard-1",
            reason: ["missed", "false_alarm", "misplaced", "missed"][n],
            why: ["3 of 5 people were missed", "a post was taken for a person, score 0.71", "the box ends at the belt", "1 of 4 people was missed"][n],
        })),
        calibration: { error: 0.04, bins: [] },
        latency_ms: { median: by > 0.9 ? 38.2 : 37.9, p95: 44.1 },
        pictures: [],
        words: [],
    };
}
const move = (b, n, by) => ({ ...b.box, l: Math.max(0, b.box.l + ((n % 3) - 1) * by), w: b.box.w + by / 2 });
const linesOf = (shots, skip, by) =>
    shots.slice(0, 4)
        .map((s) =>
            JSON.stringify({
                picture: s.picture.digest,
                run_us: 38_000,
                detections: s.boxes
                    .filter((_, n) => !skip.includes(n))
                    .map((b, n) => ({ class: "person", score: b.score, box: sides(move(b, n, by)) })),
            }),
        )
        .join("\n");
const sides = ({ l, t, w, h }) => [l, t, w, h];

/** Hours of a camera: calm, or calm until somebody smears the lens nine hours ago. */
function seriesOf(name, usual, spread, seed, drift) {
    const next = noise(seed);
    const hours = 48;
    const start = Math.floor(Date.now() / HOUR) * HOUR - hours * HOUR;
    const points = Array.from({ length: hours }, (_, n) => {
        const day = Math.sin(((n + 6) / 24) * 2 * Math.PI) * spread * 0.9;
        const off = drift && n >= hours - 9 ? drift * Math.min(1, (n - (hours - 10)) / 3) : 0;
        const mean = usual + day + next() * spread + off;
        return {
            at: iso(start + n * HOUR),
            end: iso(start + (n + 1) * HOUR),
            pictures: 3560 + Math.round(next() * 60),
            mean,
            sd: spread * 1.4,
            shift: (mean - usual) / spread,
            differs: drift ? n >= hours - 9 : false,
        };
    });
    return { name, low: usual - 2 * spread, high: usual + 2 * spread, reference_mean: usual, points };
}
function someWatch(shots) {
    const now = Date.now();
    const reference = (over = {}) => ({
        windows: 336,
        needed: 48,
        from: iso(now - 20 * DAY),
        to: iso(now - 6 * DAY),
        picture: shots[1].picture.digest,
        ...over,
    });
    const base = {
        device: "yard-box",
        state: "steady",
        since: iso(now - 19 * DAY),
        window_s: 3600,
        last_window_at: iso(now - 12 * MINUTE),
        pictures: 3581,
        changes: [],
    };
    return [
        {
            ...base, camera: "yard-1", text: "looks as it did",
            reference: reference(), picture: shots[3].picture.digest,
        },
        {
            ...base, camera: "yard-2", state: "drifted", since: iso(now - 9 * HOUR),
            text: "sharpness 212 → 38 since 9 h: a smeared lens, or out of focus",
            incident: ulid(now - 8 * HOUR),
            picture: shots[4].picture.digest, reference: reference(),
            changes: [
                { series: "sharpness", was: 212, now: 38.4, since: iso(now - 9 * HOUR), shift: -8.4, text: "sharpness 212 → 38" },
                { series: "contrast", was: 54.2, now: 41.7, since: iso(now - 8 * HOUR), shift: -3.1, text: "contrast 54 → 42" },
            ],
        },
        {
            ...base, camera: "dock-3", state: "learning", since: iso(now - 16 * HOUR),
            reference: { windows: 16, needed: 48, from: iso(now - 16 * HOUR) },
        },
        {
            ...base, device: "dock-box", camera: "ramp", state: "silent", since: iso(now - 4 * HOUR),
            text: "no statistics for 4 h", last_window_at: iso(now - 4 * HOUR), reference: reference(),
        },
    ];
}
const METHOD = {
    name: "e-detector",
    false_alarms_per_camera_year: 0.5,
    text: "Each hour's mean is held against the reference's hours at the same time of day; the evidence of all series is added up hour by hour. When nothing changed, it takes two years on average until a camera is called changed by mistake.",
};

const GIB = 1024 ** 3;
function someFleet() {
    const now = Date.now();
    const release = ulid(now - 2 * HOUR);
    const meant = { name: "centernet-coco", digest: `sha256:${digestOf("manifest 2")}`, release };
    const model = { name: MODEL.name, digest: MODEL.digest, release, state: "active" };
    return [
        {
            id: "dock-box", enabled: true, connected: false, last_seen_at: iso(now - 34 * MINUTE), version: "0.1.0",
            queue_waiting: 17, queue_dropped: 3, queue_oldest_s: 2040, disk_free_bytes: 1.1 * GIB, clock_skew_ms: -4200,
            cameras: 1, cameras_live: 0,
            model_meant: meant,
            model_in_use: { ...model, state: "failed", why: "the self-test found 2 of 5 people" },
            reasons: [
                { what: "away", severity: "high", fact: "no contact for 34 min", hint: "Is it without power or network? It goes on watching and keeps its events." },
                { what: "disk", severity: "medium", fact: "1.1 GiB of disk are left", hint: "Clips are dropped below 1 GiB." },
                { what: "model", severity: "medium", fact: "it refused centernet-coco v2: the self-test found 2 of 5 people", hint: "It goes on with the model before." },
                { what: "clock", severity: "low", fact: "its clock is 4.2 s behind", hint: "Check its time server." },
            ],
        },
        {
            id: "yard-box", enabled: true, connected: true, last_seen_at: iso(now - 1500), version: "0.1.0",
            started_at: iso(now - 9 * DAY), queue_waiting: 0, queue_dropped: 0, disk_free_bytes: 41 * GIB, clock_skew_ms: 12,
            cameras: 4, cameras_live: 2, tags: { site: "north" }, model_meant: meant, model_in_use: model,
            reasons: [{ what: "camera", severity: "medium", fact: "2 of 4 cameras send no pictures", hint: "dock-3 is silent, gate-2 refuses the password." }],
        },
        { id: "test-bench", enabled: false, connected: false, last_seen_at: null, cameras: 0, cameras_live: 0, reasons: [] },
    ];
}

function someInsights(from, to) {
    const next = noise(7);
    const hours = [];
    for (let at = Math.ceil(from / HOUR) * HOUR; at < to; at += HOUR) {
        const hour = new Date(at).getUTCHours();
        const busy = hour > 5 && hour < 18 ? 1 : 0.25;
        for (const [rule_id, much] of [["gate-person", 4], ["path-person", 2.2], ["loading-bay-person", 1.4]]) {
            const incidents = Math.max(0, Math.round(much * busy * (1 + 1.6 * next())));
            if (incidents)
                hours.push({ at: iso(at), kind: "zone", rule_id, incidents, false_alarms: Math.round(incidents * 0.2 * (0.5 + next())) });
        }
    }
    hours.push({ at: iso(Math.floor(to / HOUR) * HOUR - 8 * HOUR), kind: "drift", rule_id: "drift", incidents: 1, false_alarms: 0 });
    const rate = (device, camera, model, judged, wrong, low, high) => ({
        device, camera, model, judged, false_alarms: wrong, rate: wrong / judged, low, high,
    });
    const next2 = { name: MODEL.name, digest: digestOf("model 2") };
    return {
        from: iso(from),
        to: iso(to),
        hours,
        false_alarms: [
            rate("yard-box", "yard-1", MODEL, 214, 41, 0.145, 0.25),
            rate("yard-box", "yard-1", next2, 61, 4, 0.026, 0.157),
            rate("yard-box", "yard-2", MODEL, 88, 9, 0.055, 0.183),
            rate("dock-box", "ramp", MODEL, 12, 5, 0.193, 0.68),
        ],
        acknowledge: { incidents: 391, acknowledged: 344, waiting: 4, median_s: 74, p90_s: 412 },
        uptime: [
            { device: "yard-box", camera: "yard-1", live_s: 604_780, known_s: 604_800, rate: 0.99997 },
            { device: "yard-box", camera: "yard-2", live_s: 601_200, known_s: 604_800, rate: 0.994 },
            { device: "yard-box", camera: "gate-2", live_s: 398_000, known_s: 604_800, rate: 0.658 },
            { device: "dock-box", camera: "ramp", live_s: 561_000, known_s: 604_800, rate: 0.9276 },
        ],
        lake: { enabled: true, path: "/var/lib/vedette/lake", files: 412, rows: 183_204, written_at: iso(Date.now() - 21 * MINUTE) },
    };
}

function rolloutOf(model, over = {}) {
    return {
        id: ulid(Date.now() - (over.agoMs ?? 2 * HOUR)),
        version: 1,
        model: { name: model.name, digest: model.digest },
        manifest: model.manifest,
        repository: model.repository,
        condition: "tags.site = 'north'",
        canary: "yard-box",
        state: "stages",
        stage: 1,
        stages: [10, 50, 100],
        percent: 10,
        false_alarm_limit: 0.1,
        soak_s: 3600,
        started_by: "anna",
        started_at: iso(Date.now() - (over.agoMs ?? 2 * HOUR)),
        updated_at: iso(Date.now() - 4 * MINUTE),
        false_alarms: { verdicts: 34, false_alarms: 3, former_verdicts: 412, former_false_alarms: 61 },
        devices: [],
        history: [],
        ...over,
    };
}
function someRollouts(models) {
    const now = Date.now();
    const next = models[0];
    const device = (name, state, over = {}) => ({
        device: name, state, canary: false, connected: true, since: iso(now - 20 * MINUTE), ...over,
    });
    const going = rolloutOf(next);
    going.devices = [
        device("yard-box", "active", { canary: true, active_at: iso(now - 100 * MINUTE), since: iso(now - 100 * MINUTE), pictures: 59_412, errors: 0, former: `sha256:${digestOf("manifest 1")}` }),
        device("gate-box-2", "testing", { since: iso(now - 9000) }),
        device("gate-box-1", "fetching", { since: iso(now - 41_000), why: "6.2 of 18.0 MiB" }),
        device("dock-box", "failed", { connected: false, since: iso(now - 12 * MINUTE), why: "the self-test found 2 of 5 people on reference picture 3; it goes on with the model before" }),
        device("hall-1", "waiting"), device("hall-2", "waiting"), device("hall-3", "waiting"), device("hall-4", "waiting", { connected: false }),
    ];
    going.history = [
        { at: going.started_at, who: "anna", what: "started" },
        { at: iso(now - 119 * MINUTE), who: "rollout", what: "told", device: "yard-box" },
        { at: iso(now - 100 * MINUTE), who: "rollout", what: "active", device: "yard-box", text: "fetched 18.0 MiB in 41 s; 8 of 8 reference pictures as expected" },
        { at: iso(now - 40 * MINUTE), who: "rollout", what: "stage", text: "10 %" },
        { at: iso(now - 12 * MINUTE), who: "rollout", what: "failed", device: "dock-box", text: "the self-test found 2 of 5 people" },
    ];
    const halted = rolloutOf(models[2], {
        agoMs: 8 * DAY, state: "halted", stage: 0, condition: "*", soak_s: 600,
        why: "The canary's false alarms rose from 15 % to 62 % of the verdicts (limit +10 %).",
        ended_at: null,
    });
    halted.devices = [device("yard-box", "returned", { canary: true, since: iso(now - 7 * DAY) })];
    halted.history = [
        { at: halted.started_at, who: "anna", what: "started" },
        { at: iso(now - 7.5 * DAY), who: "rollout", what: "halted", text: halted.why },
    ];
    const done = rolloutOf(models[1], { agoMs: 39 * DAY, state: "done", stage: 3, percent: 100, ended_at: iso(now - 38 * DAY) });
    done.devices = ["yard-box", "dock-box"].map((d) => device(d, "active", { since: iso(now - 38 * DAY) }));
    return [going, halted, done];
}
const under = ["told", "fetching", "verifying", "installing", "warming", "testing", "returning"];
const countsOf = (r) => ({
    devices: r.devices.length,
    waiting: r.devices.filter((d) => d.state === "waiting").length,
    under_way: r.devices.filter((d) => under.includes(d.state)).length,
    active: r.devices.filter((d) => d.state === "active").length,
    failed: r.devices.filter((d) => d.state === "failed").length,
    returned: r.devices.filter((d) => d.state === "returned").length,
});

export class ScriptedOps {
    /** `lab`: a ScriptedLab; its datasets are compared on, its runs are shown. */
    constructor(hub, lab, shots) {
        this.hub = hub;
        this.lab = lab;
        this.shots = shots;
        this.dataset = lab.datasets[0] ?? lab.make({ name: "yard, november" }, "ines", { made_at: iso(Date.now() - 5 * HOUR), test_uses: 2 }).dataset;
        this.training = lab.runs.find((r) => r.kind === "train") ?? lab.run({ state: "done", agoMs: 4 * HOUR, config: { dataset: this.dataset.digest, model: MODEL.digest } });
        this.models = someModels(this.dataset, this.training);
        this.verdict = verdictOf();
        this.rollouts = someRollouts(this.models);
        this.watched = someWatch(shots);
        this.fleet = someFleet();
        this.scored = null;
        hub.blobs.set(digestOf("descriptor"), {
            type: "text/yaml",
            bytes: Buffer.from("format: vedette.model/1\nname: centernet-coco\ninput: { name: data, width: 512, height: 512 }\ndecoder: centernet\nscore_min: 0.3\n"),
        });
        const labRuns = hub.places.runs;
        const labSets = hub.places.datasets;
        Object.assign(hub.places, {
            models: (ask) => this.#models(ask),
            rollouts: (ask) => this.#rollouts(ask),
            watch: (ask) => this.#watch(ask),
            fleet: ({ res }) => json(res, 200, { devices: this.fleet, hub_version: "0.1.0", at: iso(Date.now()) }),
            insights: (ask) => this.#insights(ask),
            score: (ask) => this.#score(ask),
            datasets: (ask) => (ask.rest[0] === this.dataset.digest && !ask.rest[1] ? this.#manifest(ask.res) : labSets(ask)),
            runs: (ask) => this.#runs(ask, labRuns),
        });
    }
    empty() {
        Object.assign(this, { models: [], rollouts: [], watched: [], fleet: [] });
        this.insights = { ...someInsights(0, 0), hours: [], false_alarms: [], uptime: [], acknowledge: { incidents: 0, acknowledged: 0, waiting: 0 } };
    }
    find(digest) {
        return this.models.find((m) => m.digest === digest);
    }
    /** Both are measured on the dataset: what a comparison needs. */
    measure() {
        const [next, before] = this.models;
        return [
            this.#evaluated(next, "mine", [2], 0.003, 0.912, 0.93),
            this.#evaluated(before, "theirs", [0, 3], 0.012, 0.871, 0.88),
        ];
    }
    #evaluated(model, name, skip, by, map50, edge) {
        const lines = Buffer.from(linesOf(this.shots, skip, by));
        const digest = digestOf(`detections ${name}`);
        this.hub.blobs.set(digest, { type: "application/octet-stream", bytes: lines });
        const run = this.lab.run({
            kind: "evaluate", state: "done", agoMs: HOUR, ended_at: iso(Date.now() - 50 * MINUTE), worker: "lab-1",
            step: 128, steps: 128,
            config: { dataset: this.dataset.digest, model: model.digest, split: "test" },
            files: [{ name: "detections.jsonl", digest, bytes: lines.length, put_at: iso(Date.now()) }],
            summary: { map: map50 - 0.28, map50, pictures: 128, false_alarms_per_picture: map50 > 0.9 ? 0.14 : 0.31, median_ms: 38.2 },
        });
        this.lab.runReports.set(run.id, reportOf(model, this.dataset, this.shots, map50, edge));
        return run;
    }
    #runs(ask, otherwise) {
        const { rest: [id, verb], query, res } = ask;
        if (id && verb === "against") return json(res, 200, { ...this.verdict, confidence: Number(query.get("confidence")) });
        if (!id && query.get("model") && ask.req.method === "GET") {
            const runs = this.lab.runs.filter((r) => r.config.model === query.get("model") && r.kind === query.get("kind"));
            return json(res, 200, { runs: runs.map(({ points, words, ...r }) => r), counts: { queued: 0, leased: 0 } });
        }
        return otherwise(ask);
    }
    #manifest(res) {
        return json(res, 200, {
            format: "vedette.dataset/1", name: this.dataset.name, task: "detection", classes: COCO, seed: 1,
            split: { block_s: 60, test: 0.2, val: 0.15 }, made_at: this.dataset.made_at,
            pictures: this.shots.map((s) => ({
                picture: s.picture.digest, width: 768, height: 576, device: "yard-box", camera: "yard-1",
                captured_at: iso(Date.now() - DAY), group: "yard-box/yard-1/1", split: "test", source: "incident",
                boxes: s.boxes.map((b) => ({ class: "person", box: sides(b.box) })), class: null,
            })),
        });
    }

    #models({ req, res, rest: [digest, verb], body }) {
        if (!digest) return json(res, 200, { models: this.models.map(({ history, ...m }) => m) });
        const one = this.find(digest);
        if (!one) return json(res, 404, problem("absent", "There is no such model."));
        if (!verb) return json(res, 200, one);
        if (verb === "lineage") return json(res, 200, this.#lineage(one));
        const need = verb === "compare" ? ["operator", "administrator"] : ["administrator"];
        if (!need.includes(this.hub.user.role)) return json(res, 403, problem("denied", `This needs the role ${need[0]}.`));
        if (verb === "compare") return this.#compare(res, one);
        if (verb === "promote") return this.#promote(res, one, body);
        if (verb === "retire") {
            one.state = "retired";
            one.history.push({ at: iso(Date.now()), who: this.hub.user.name, what: "retired", reason: body.reason });
        }
        this.hub.change("model", one.digest);
        return json(res, 200, one);
    }
    #compare(res, one) {
        const [mine, theirs] = this.measure();
        for (const r of [mine, theirs]) Object.assign(r, { state: "leased", step: 40 });
        this.measuring = [mine, theirs];
        this.hub.change("run", one.digest);
        return json(res, 202, { runs: [mine.id, theirs.id] });
    }
    measured() {
        for (const r of this.measuring) Object.assign(r, { state: "done", step: 128 });
        this.hub.change("run", this.measuring[0].id);
    }
    #promote(res, one, body) {
        const who = this.hub.user.name;
        const at = iso(Date.now());
        if (!this.verdict.promote && !body.force) {
            one.history.push({ at, who, what: "refused", reason: this.verdict.why, verdict: this.verdict });
            return json(res, 409, {
                ...problem("conflict", "the gate says no: mAP50 0.871 → 0.874 is not shown to be better", "More held-out groups would help; an administrator may force it with a reason."),
                verdict: this.verdict,
            });
        }
        if (body.force && !body.reason) return json(res, 400, problem("invalid", "'reason' is missing"));
        for (const m of this.models)
            if (m.name === one.name && m.state === "champion") {
                m.state = "retired";
                m.history.push({ at, who, what: "replaced" });
            }
        Object.assign(one, { state: "champion", approved_by: who, approved_at: at, forced: body.force === true });
        one.history.push({ at, who, what: body.force ? "forced" : "promoted", reason: body.reason, verdict: this.verdict });
        this.hub.change("model", one.digest);
        return json(res, 200, one);
    }
    #lineage(one) {
        const bare = ({ history, ...m }) => m;
        const made = Boolean(one.dataset);
        const family = this.models.filter((m) => m.digest === one.digest || m.digest === one.parent || m.parent === one.digest);
        return {
            kind: "model", thing: one.digest,
            picture_count: made ? 122 : 0,
            pictures: made ? this.shots.map((s) => s.picture.digest) : [],
            datasets: made ? [{ digest: this.dataset.digest, name: this.dataset.name, made_at: this.dataset.made_at, pictures: this.dataset.pictures }] : [],
            runs: made ? [{ run: this.training.id, kind: "train", state: "done", who: "ines", at: this.training.created_at }] : [],
            models: family.map(bare),
            devices: one.devices
                ? ["yard-box", "dock-box"].map((device, n) => ({
                      device, model: { name: one.name, digest: one.digest }, cameras: n ? ["ramp"] : ["yard-1", "yard-2", "dock-3"], state: "active", since: iso(Date.now() - 38 * DAY),
                  }))
                : [],
        };
    }

    #rollouts({ req, res, rest: [id, verb], body }) {
        const shown = (r) => ({ ...r, counts: countsOf(r) });
        if (!id && req.method === "GET")
            return json(res, 200, { rollouts: this.rollouts.map((r) => { const { devices, history, ...s } = shown(r); return s; }) });
        if (req.method === "POST" && this.hub.user.role !== "administrator")
            return json(res, 403, problem("denied", "This needs the role administrator."));
        if (!id) return this.#start(res, body, shown);
        const one = this.rollouts.find((r) => r.id === id);
        if (!one) return json(res, 404, problem("absent", "There is no such rollout."));
        if (verb) {
            const to = { halt: "halted", resume: "canary", return: "returned" }[verb];
            Object.assign(one, { state: to, version: one.version + 1, ...(verb === "halt" ? { why: body.note ?? "halted by a person" } : { why: undefined }) });
            one.history.push({ at: iso(Date.now()), who: this.hub.user.name, what: { halt: "halted", resume: "resumed", return: "return" }[verb], text: body.note });
            this.hub.change("rollout", id);
        }
        return json(res, 200, shown(one));
    }
    #start(res, body, shown) {
        if (!/^\*$|=|IN|is_defined/i.test(body.condition))
            return json(res, 400, problem("invalid", "the condition cannot be read", "tags.site = 'north'", `at character 1: '${body.condition}' is no path`));
        const made = rolloutOf(this.find(body.model), { ...body, model: undefined, agoMs: 0, state: "canary", stage: 0 });
        made.model = { name: this.find(body.model).name, digest: body.model };
        made.devices = [{ device: body.canary ?? "yard-box", state: "told", canary: true, connected: true, since: iso(Date.now()) }];
        made.history = [{ at: iso(Date.now()), who: this.hub.user.name, what: "started" }];
        this.rollouts.unshift(made);
        this.hub.change("rollout", made.id);
        return json(res, 201, shown(made));
    }

    #watch({ req, res, rest: [device, camera, verb] }) {
        if (!device) return json(res, 200, { cameras: this.watched, method: METHOD });
        const one = this.watched.find((c) => c.device === device && c.camera === camera);
        if (!one) return json(res, 404, problem("absent", "This camera has told nothing."));
        if (verb === "reference" && req.method === "POST") {
            Object.assign(one, { state: "learning", since: iso(Date.now()), changes: [], text: undefined, incident: undefined, reference: { windows: 1, needed: 48, accepted_by: this.hub.user.name } });
            this.hub.change("watch", `${device}/${camera}`);
            return json(res, 200, one);
        }
        const drifted = one.state === "drifted";
        const series = [
            seriesOf("brightness", 118, 6, 1), seriesOf("contrast", 54.2, 2.4, 2, drifted ? -12 : 0),
            seriesOf("sharpness", 212, 14, 3, drifted ? -172 : 0), seriesOf("saturation", 0.31, 0.02, 4),
            seriesOf("colour_u", 127.4, 0.6, 5), seriesOf("colour_v", 129.1, 0.5, 6),
            seriesOf("score", 0.71, 0.03, 7),
            { ...seriesOf("classes", 0.04, 0.015, 8), classes: ["person", "bicycle", "car"], counts: [0.93, 0.05, 0.02], reference_counts: [0.9, 0.08, 0.02] },
        ];
        return json(res, 200, { ...one, series: one.state === "learning" ? series.map(({ low, high, reference_mean, ...s }) => ({ ...s, points: s.points.slice(-16).map(({ shift, differs, ...p }) => p) })) : series });
    }
    #insights({ res, query }) {
        const from = Date.parse(query.get("from"));
        const to = Date.parse(query.get("to"));
        const found = this.insights ?? someInsights(from, to);
        if (query.get("format") !== "csv") return json(res, 200, found);
        res.writeHead(200, { "Content-Type": "text/csv" });
        return res.end(`at,kind,rule_id,incidents,false_alarms\n${found.hours.map((h) => `${h.at},${h.kind},${h.rule_id},${h.incidents},${h.false_alarms}`).join("\n")}\n`);
    }
    #score({ res, query, body }) {
        if (!Buffer.isBuffer(body) || (body[0] !== 0xff && body[0] !== 0x89))
            return json(res, 422, problem("invalid", "this is no picture"));
        const model = this.find(query.get("model")) ?? this.models[1];
        const least = Number(query.get("confidence"));
        const shot = this.shots.find((s) => s.picture.bytes.equals(body)) ?? this.shots[0];
        this.scored = { type: this.hub.asked.at(-1), bytes: body.length };
        return json(res, 200, {
            model: { name: model.name, digest: model.digest }, width: 768, height: 576, confidence: least,
            boxes: shot.boxes.filter((b) => b.score >= least), preprocess_us: 2100, run_us: 38_400,
        });
    }
}
