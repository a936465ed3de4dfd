// One incident of each kind of rule, over the scripted hub's real pictures: what was found, and what is drawn.
import { incidentOf, rule } from "./fixtures.mjs";

const at = (...pairs) => pairs.map(([x, y]) => ({ x, y }));
const GATE = at([0.44, 0.42], [0.68, 0.46]);
const POST = at([0.05, 0.5], [0.3, 0.5], [0.3, 0.95], [0.05, 0.95]);
const GROUND = {
    points: at([0.02, 0.7], [0.98, 0.95], [0.98, 0.45], [0.4, 0.3]),
    metres: [
        [0, 0],
        [14, 0],
        [14, 20],
        [0, 20],
    ],
};

/** kind -> [which picture, title, what the rule adds, what it found, what is special about its event] */
const kinds = {
    line: [
        3,
        'person crossed "gate"',
        { points: GATE, direction: "either", dwell_ms: 0 },
        { direction: "clockwise", total: "31", clockwiseTotal: "17", counterclockwiseTotal: "14" },
    ],
    proximity: [
        1,
        'person 1.4 m from person in "crossing"',
        {
            zone: "crossing",
            points: [],
            near: ["person"],
            distance_m: 2,
            closing_mps: 0.5,
            calibration: GROUND,
            dwell_ms: 0,
        },
        { distance_m: "1.4", limit_m: "2.0", closing_mps: "1.1" },
        (boxes) => [boxes[1], boxes[2], boxes[0], ...boxes.slice(3)],
    ],
    equipment: [
        2,
        'person without vest in "yard"',
        {
            zone: "yard",
            points: [],
            required: [{ item: "vest", classes: ["vest"], top: 0.1, bottom: 0.8 }],
        },
        { missing: "vest", vest: "seen in 0 of 32 looks" },
    ],
    absence: [
        4,
        'nobody at "ticket desk"',
        { zone: "ticket desk", points: POST, dwell_ms: 120_000 },
        { finding: "nobody" },
    ],
    count: [
        5,
        'too few at "gate": 3 in 60 s',
        { points: GATE, period_ms: 60_000, at_least: 10, direction: "either", dwell_ms: 0 },
        { finding: "too_few", count: "3", at_least: "10", period_s: "60" },
    ],
};
export const ruleKinds = Object.keys(kinds);

export function ruleIncident(shots, kind) {
    const [picture, title, more, found, order] = kinds[kind];
    const shot = shots[picture];
    const own = kind !== "absence" && kind !== "count";
    const boxes = (order ? order(shot.boxes) : shot.boxes).map(({ track: _, ...box }, n) =>
        own && n === 0 ? { ...box, track: 12 } : box,
    );
    const zone = more.zone ?? "gate";
    const one = incidentOf(
        { ...shot, boxes },
        { over: { title, zone, rule_id: `${zone}-${kind}`, zone_points: more.points } },
    );
    for (const event of one.events) {
        Object.assign(event, {
            kind,
            zone,
            rule_id: one.rule_id,
            rule: { ...rule(zone), id: one.rule_id, kind, ...more },
            properties: found,
            boxes: one.boxes,
            ...(own ? {} : { track: 0, score: 1, path: undefined }),
        });
    }
    return one;
}
