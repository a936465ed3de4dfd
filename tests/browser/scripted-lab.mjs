// The Lab's part of the scripted hub: pool, labels, datasets, runs and models over a site in memory.
import { createHash } from "node:crypto";
import { iso, MODEL, ulid } from "./fixtures.mjs";
import { digestOf, pointsOf, poolOf, runReportOf } from "./lab-fixtures.mjs";
import { json, problem } from "./scripted-hub.mjs";

const MINUTE = 60_000;
const shown = ({ history, shot, ...one }) => one;
const CLASSES = [
    "person",
    "bicycle",
    "car",
    "dog",
    "truck",
    "bus",
    "cat",
    "bird",
    "horse",
    "forklift",
];

export class ScriptedLab {
    constructor(hub, pictures) {
        this.hub = hub;
        this.pictures = pictures;
        this.classes = [...CLASSES];
        this.datasets = [];
        this.reports = new Map();
        this.runs = [];
        this.runReports = new Map();
        this.models = [
            { ...MODEL, version: 1, state: "champion" },
            { name: "yard-people", digest: digestOf("yard"), version: 2, state: "candidate" },
        ];
        Object.assign(hub.places, {
            pool: (ask) => this.#pool(ask),
            blobs: (ask) => this.#blob(ask),
            datasets: (ask) => this.#datasets(ask),
            runs: (ask) => this.#runs(ask),
            models: (ask) => this.#models(ask),
        });
    }
    find(id) {
        return this.pictures.find((p) => p.picture === id);
    }
    /** What a person said; as the hub does, the version rises and the history grows. */
    say(one, who, what, change, agoMs = 0, note) {
        one.version++;
        Object.assign(one, change);
        one.history.push({
            version: one.version,
            at: iso(Date.now() - agoMs),
            who,
            what,
            label_state: one.label_state,
            ...(one.label ? { label: one.label } : {}),
            ...(note ? { note } : {}),
        });
        return one;
    }
    label(one, who, boxes, agoMs = 0) {
        const label = {
            verdict: "objects",
            boxes,
            by: who,
            at: iso(Date.now() - agoMs),
            spent_ms: 4000,
        };
        return this.say(one, who, "labelled", { label_state: "labelled", label }, agoMs);
    }

    #pool({ req, res, rest: [id, verb], query, body }) {
        if (!id && req.method === "POST") return this.#upload(res, body);
        if (!id) return json(res, 200, this.#page(query));
        if (id === "classes") {
            if (req.method === "POST" && !this.classes.includes(body.name))
                this.classes.push(body.name);
            return json(res, 200, { classes: this.classes.map((c) => this.#classOf(c)) });
        }
        if (id === "next") return this.#next(res, query);
        if (id === "import")
            return json(res, 200, {
                pictures: 3,
                added: 2,
                known: 0,
                labels: 2,
                boxes: 5,
                refused: [{ name: "broken.jpg", why: "the picture ends early" }],
                refused_count: 1,
                classes_added: ["pallet"],
            });
        const one = this.find(id);
        if (!one) return json(res, 404, problem("absent", "There is no such picture in the pool."));
        if (!verb) return json(res, 200, shown(one));
        if (verb === "history") return json(res, 200, { entries: one.history });
        if (this.hub.user.role === "viewer")
            return json(res, 403, problem("denied", "A viewer changes nothing."));
        if (body.version !== one.version)
            return json(res, 409, {
                ...problem("conflict", "The picture changed since you saw it."),
                picture: shown(one),
                changes: one.history.filter((h) => h.version > body.version),
            });
        this.#change(one, verb, body);
        this.hub.change("pool", one.picture);
        return json(res, 200, shown(one));
    }
    #classOf(name) {
        const of = (list) => list.flat().filter((b) => b.class === name).length;
        const said = this.pictures.filter((p) => p.label);
        return {
            name,
            pictures: said.filter((p) => p.label.boxes.some((b) => b.class === name)).length,
            boxes: of(said.map((p) => p.label.boxes)),
            proposals: of(this.pictures.filter((p) => !p.label).map((p) => p.proposals)),
        };
    }
    #change(one, verb, body) {
        const by = this.hub.user.name;
        const at = iso(Date.now());
        if (verb === "label") {
            const { verdict, boxes = [], class: name, spent_ms } = body;
            const label = { verdict, boxes, by, at, spent_ms, ...(name ? { class: name } : {}) };
            one.review = undefined;
            this.say(one, by, "labelled", { label_state: "labelled", label });
        } else if (verb === "undo") {
            const to = one.history.findLast((h) => h.version <= (body.to ?? one.version - 1));
            const label = to?.label;
            this.say(one, by, "undone", {
                label,
                review: undefined,
                label_state: label ? to.label_state : one.proposals.length ? "proposed" : "none",
            });
        } else if (verb === "review") {
            const review = { agree: body.agree, by, at, ...(body.note ? { note: body.note } : {}) };
            this.say(
                one,
                by,
                body.agree ? "agreed" : "disagreed",
                { review, label_state: body.agree ? "reviewed" : "proposed" },
                0,
                body.note,
            );
        }
    }
    #fits(query) {
        const wanted = query.get("label")?.split(",");
        return (p) =>
            (!wanted || wanted.includes(p.label_state)) &&
            ["source", "reason", "device", "camera"].every(
                (k) => !query.get(k) || p[k] === query.get(k),
            ) &&
            (!query.get("class") ||
                (p.label?.boxes ?? p.proposals).some((b) => b.class === query.get("class")));
    }
    #page(query) {
        const all = this.pictures.filter(this.#fits(query));
        if (query.get("order") === "new")
            all.sort((a, b) => (a.captured_at < b.captured_at ? 1 : -1));
        else all.sort((a, b) => b.teach - a.teach);
        const from = Number(query.get("cursor") ?? 0);
        const limit = Number(query.get("limit") ?? 50);
        const count = (s) => this.pictures.filter((p) => p.label_state === s).length;
        const cameras = [...new Set(this.pictures.map((p) => p.camera))].map((camera) => ({
            device: "yard-box",
            camera,
            pictures: this.pictures.filter((p) => p.camera === camera).length,
        }));
        return {
            pictures: all.slice(from, from + limit).map(shown),
            ...(from + limit < all.length ? { next: String(from + limit) } : {}),
            counts: {
                none: count("none"),
                proposed: count("proposed"),
                labelled: count("labelled"),
                reviewed: count("reviewed"),
            },
            cameras,
        };
    }
    #next(res, query) {
        const skip = [...(query.get("skip")?.split(",") ?? []), query.get("after")];
        const one = this.pictures
            .filter((p) => !p.label || p.label_state === "proposed")
            .filter(this.#fits(query))
            .filter((p) => !skip.includes(p.picture))
            .sort((a, b) => b.teach - a.teach)[0];
        return one ? json(res, 200, shown(one)) : json(res, 204);
    }
    #upload(res, bytes) {
        if (bytes[0] !== 0xff || bytes[1] !== 0xd8)
            return json(
                res,
                422,
                problem("invalid", "This is no JPEG or PNG.", "", "It starts with 'hell'."),
            );
        const picture = createHash("sha256").update(bytes).digest("hex");
        const known = this.find(picture);
        if (known) return json(res, 200, shown(known));
        this.hub.blobs.set(picture, { type: "image/jpeg", bytes });
        const [first] = poolOf([{ boxes: [], picture: { digest: picture } }], 1);
        const one = {
            ...first,
            picture,
            label_state: "none",
            source: "import",
            reason: "import",
            camera: "import",
            wrong: undefined,
            proposals: [],
        };
        this.pictures.unshift(one);
        return json(res, 201, shown(one));
    }
    #blob({ res, rest: [id] }) {
        const blob = this.hub.blobs.get(this.find(id)?.shot ?? id);
        if (!blob) return json(res, 404, problem("absent", "This file has not arrived."));
        res.writeHead(200, {
            "Content-Type": blob.type,
            "Cache-Control": "private, max-age=31536000, immutable",
        });
        return res.end(blob.bytes);
    }

    #datasets({ req, res, rest: [digest, verb, other], body }) {
        if (!digest && req.method === "GET") return json(res, 200, { datasets: this.datasets });
        if (!digest) return json(res, 201, this.make(body, this.hub.user.name));
        const one = this.datasets.find((d) => d.digest === digest);
        if (!one) return json(res, 404, problem("absent", "There is no such dataset."));
        if (verb === "report") return json(res, 200, this.reports.get(digest));
        if (verb === "diff") {
            const names = this.pictures.map((p) => p.picture);
            return json(res, 200, {
                from: digest,
                to: other,
                added: names.slice(0, 9),
                removed: names.slice(9, 10),
                relabelled: names.slice(10, 14),
                moved: [],
                same: 108,
            });
        }
        return json(res, 404, problem("absent", "There is nothing at this address."));
    }
    /** A version of a plausible spread: what the page shows is made here, not measured. */
    make(wish, by, over = {}) {
        const n = over.pictures ?? 122;
        const of = (all) => ({
            train: Math.round(all * 0.65),
            val: Math.round(all * 0.15),
            test: Math.round(all * 0.2),
        });
        const classes = wish.classes?.length ? wish.classes : ["person", "bicycle", "dog"];
        const dataset = {
            digest: digestOf(`${wish.name} ${this.datasets.length}`),
            name: wish.name,
            task: wish.task ?? "detection",
            seed: wish.seed ?? 1,
            made_at: over.made_at ?? iso(Date.now()),
            made_by: by,
            pictures: n,
            boxes: n * 4,
            classes,
            splits: of(n),
            test_uses: over.test_uses ?? 0,
        };
        const warnings = [
            {
                fact: "The class dog is missing in the test split.",
                hint: "Label more pictures of it from other hours: 4 pictures lie in one block of time.",
            },
        ];
        const rows = classes.map((name, i) => {
            const boxes = of(Math.round((n * 4) / (1 + 5 * i)));
            return {
                class: name,
                boxes: name === "dog" ? { ...boxes, test: 0 } : boxes,
                pictures: of(Math.round(n / (1 + 3 * i))),
            };
        });
        this.datasets.unshift(dataset);
        this.reports.set(dataset.digest, {
            dataset,
            warnings,
            classes: rows,
            splits: ["train", "val", "test"].map((split) => ({
                split,
                pictures: dataset.splits[split],
                boxes: dataset.splits[split] * 4,
                empty: Math.round(dataset.splits[split] / 9),
                groups: { train: 31, val: 7, test: 9 }[split],
                uses: { train: 3, val: 3, test: dataset.test_uses }[split],
                ...(dataset.test_uses ? { last_used_at: iso(Date.now() - 9 * MINUTE) } : {}),
            })),
            cameras: ["yard-1", "yard-2"].map((camera, i) => ({
                device: "yard-box",
                camera,
                pictures: of(i ? 40 : n - 40),
                boxes: of(i ? 100 : n * 4 - 100),
            })),
            hours: [6, 7, 8, 9, 10, 12, 13, 14, 17].map((hour, i) => ({
                hour,
                pictures: of(4 + ((i * 7) % 19)),
            })),
        });
        return { dataset, warnings };
    }

    #runs({ req, res, rest: [id, verb], query, body }) {
        if (!id && req.method === "POST") {
            const run = this.run({ config: body.config, name: body.name, state: "queued" });
            this.hub.change("run", run.id);
            return json(res, 201, run);
        }
        if (!id) {
            const states = query.get("state")?.split(",");
            const count = (s) => this.runs.filter((r) => r.state === s).length;
            return json(res, 200, {
                runs: this.runs
                    .filter(
                        (r) =>
                            (!states || states.includes(r.state)) &&
                            (!query.get("kind") || r.kind === query.get("kind")),
                    )
                    .map(({ points, words, ...r }) => r),
                counts: { queued: count("queued"), leased: count("leased") },
            });
        }
        const one = this.runs.find((r) => r.id === id);
        if (!one) return json(res, 404, problem("absent", "There is no such run."));
        if (verb === "report") {
            const report = this.runReports.get(id);
            return report
                ? json(res, 200, report)
                : json(res, 404, problem("absent", "There is no report yet."));
        }
        if (verb === "cancel")
            Object.assign(one, {
                state: "cancelled",
                version: one.version + 1,
                ended_at: iso(Date.now()),
            });
        if (verb) this.hub.change("run", id);
        return json(res, 200, one);
    }
    run(over) {
        const run = {
            id: ulid(Date.now() - (over.agoMs ?? 0)),
            version: 1,
            kind: "train",
            state: "leased",
            created_by: "anna",
            created_at: iso(Date.now() - (over.agoMs ?? 0)),
            updated_at: iso(Date.now()),
            step: 0,
            steps: 0,
            attempts: 0,
            files: [],
            points: [],
            words: [],
            ...over,
            config: {
                seed: 1,
                epochs: 20,
                batch: 8,
                learning_rate: 0.001,
                weight_decay: 0.0001,
                freeze: 0.9,
                augment: true,
                patience: 5,
                checkpoint_s: 30,
                threads: 0,
                ...over.config,
            },
        };
        delete run.agoMs;
        this.runs.unshift(run);
        return run;
    }
    #models({ req, res, body }) {
        if (req.method === "POST") {
            const run = this.runs.find((r) => r.id === body.run);
            const file = run.files.find((f) => f.name === "model.onnx");
            const model = {
                name: "centernet-coco",
                digest: file.digest,
                version: 3,
                state: "candidate",
                run: run.id,
            };
            this.models.unshift(model);
            return json(res, 201, model);
        }
        return json(res, 200, { models: this.models });
    }
}

/** A Lab with some of everything. */
export function someLab(hub, shots, count = 40) {
    const lab = new ScriptedLab(hub, poolOf(shots, count));
    for (const n of [3, 6, 7, 13]) {
        const one = lab.pictures[n];
        if (one)
            lab.label(
                one,
                n % 2 ? "ines" : "anna",
                one.proposals.map(({ class: c, box }) => ({ class: c, box })),
                n * MINUTE,
            );
    }
    lab.make({ name: "yard-people" }, "ines", {
        pictures: 84,
        made_at: iso(Date.now() - 27 * 60 * MINUTE),
        test_uses: 12,
    });
    const { dataset } = lab.make({ name: "yard-people" }, "anna", {
        made_at: iso(Date.now() - 50 * MINUTE),
        test_uses: 2,
    });
    someRuns(lab, dataset.digest);
    return lab;
}
function someRuns(lab, dataset) {
    const config = { dataset, model: MODEL.digest };
    const word = (agoMin, text) => ({ at: iso(Date.now() - agoMin * MINUTE), text });
    lab.run({
        config,
        name: "too little",
        state: "failed",
        agoMs: 300 * MINUTE,
        attempts: 1,
        worker: "bench-2",
        started_at: iso(Date.now() - 299 * MINUTE),
        ended_at: iso(Date.now() - 298 * MINUTE),
        why: {
            class: "invalid",
            fact: "The loss is not a number after 3 steps.",
            hint: "Try a learning rate ten times smaller.",
        },
    });
    const done = lab.run({
        config,
        name: "yard, first light",
        state: "done",
        agoMs: 46 * MINUTE,
        attempts: 1,
        worker: "bench-2",
        started_at: iso(Date.now() - 45 * MINUTE),
        ended_at: iso(Date.now() - 38 * MINUTE),
        step: 170,
        steps: 170,
        points: pointsOf(17, { turn: 11 }),
        files: [
            {
                name: "model.onnx",
                digest: digestOf("trained"),
                bytes: 9_400_000,
                put_at: iso(Date.now() - 38 * MINUTE),
            },
            {
                name: "report.json",
                digest: digestOf("report"),
                bytes: 40_000,
                put_at: iso(Date.now() - 38 * MINUTE),
            },
        ],
        summary: {
            map: 0.521,
            map50: 0.843,
            pictures: 24,
            false_alarms_per_picture: 0.33,
            median_ms: 21.4,
        },
        words: [
            word(45, "79 pictures to train with, 18 to validate; 6 of 214 layers learn"),
            word(41, "Still learning: the validation's mAP50 rose from 0.44 to 0.71."),
            word(
                38,
                "It began to learn by heart after epoch 12: the training loss still falls, the validation's rises. The model of epoch 12 is kept.",
            ),
        ],
    });
    lab.runReports.set(done.id, runReportOf(lab, done));
    lab.run({
        config: { ...config, freeze: 0.5 },
        name: "yard, upper half",
        agoMs: 6 * MINUTE,
        attempts: 1,
        worker: "bench-2",
        started_at: iso(Date.now() - 5 * MINUTE),
        lease_until: iso(Date.now() + MINUTE),
        step: 80,
        steps: 200,
        points: pointsOf(8),
        words: [word(5, "79 pictures to train with, 18 to validate; 60 of 214 layers learn")],
    });
    lab.run({ config, kind: "evaluate", state: "queued", agoMs: 2 * MINUTE });
}
