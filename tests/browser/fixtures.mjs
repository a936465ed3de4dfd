// A site as a scripted hub knows it: in the contract's words, with times counted back from now.
import { ZONE } from "./pictures.mjs";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
let serial = 0;
/** Newer ids sort after older ones, as ULIDs do. */
export function ulid(ms = Date.now()) {
    let time = "";
    for (let n = 0, v = ms; n < 10; n++, v = Math.floor(v / 32)) time = ALPHABET[v % 32] + time;
    let rest = "";
    for (let n = 0, v = ++serial; n < 16; n++, v = Math.floor(v / 32))
        rest = ALPHABET[v % 32] + rest;
    return time + rest;
}
export const iso = (ms) => new Date(ms).toISOString().replace("Z", "000Z");
export const MODEL = {
    name: "centernet-coco",
    digest: "9b1f5c0d7a3e4482b6c1d0e95f27a8834c6b1e0f9d72a5c38e41b07f6a2d9c55",
};
const MINUTE = 60_000;

export const rule = (zone, over = {}) => ({
    id: `${zone}-person`,
    kind: "zone",
    zone,
    severity: "high",
    points: ZONE,
    classes: ["person"],
    score_min: 0.5,
    dwell_ms: 2000,
    leave_ms: 1500,
    ...over,
});

function eventOf(one, shot, startMs, endMs, track) {
    return {
        id: ulid(startMs),
        revision: 3,
        phase: endMs ? "end" : "start",
        device: one.device,
        camera: one.camera,
        kind: "zone",
        severity: one.severity,
        rule_id: one.rule_id,
        rule_version: "4f1c2e7d90ab",
        zone: one.zone,
        rule: rule(one.zone, { severity: one.severity }),
        start: iso(startMs),
        update: iso(endMs ?? startMs + 2000),
        end: endMs ? iso(endMs) : null,
        time_source: "rtcp",
        track,
        class: "person",
        score: shot.boxes[0].score,
        score_min: 0.5,
        model: MODEL,
        boxes: shot.boxes,
        inferences: [],
        ...(endMs ? { path: shot.path } : {}),
        evidence: [
            {
                kind: "snapshot",
                digest: shot.picture.digest,
                bytes: shot.picture.bytes.length,
                content_type: "image/jpeg",
                start: iso(startMs + 1200),
                end: iso(startMs + 1200),
                width: 768,
                height: 576,
                arrived: true,
            },
            ...(endMs
                ? [
                      {
                          kind: "clip",
                          digest: shot.clip.digest,
                          bytes: shot.clip.bytes.length,
                          content_type: "video/mp4",
                          start: iso(startMs - shot.preRollS * 1000),
                          end: iso(endMs + 5000),
                          width: 768,
                          height: 576,
                          arrived: true,
                      },
                  ]
                : []),
        ],
    };
}

/** One incident with its events and its history so far. */
export function incidentOf(shot, what = {}) {
    const agoMs = what.agoMs ?? 2 * MINUTE;
    const startMs = Date.now() - agoMs;
    const endMs = what.ongoing ? undefined : startMs + (what.lastsMs ?? 9400);
    const one = {
        id: ulid(startMs),
        version: 1,
        state: "open",
        title: 'person in "gate"',
        device: "yard-box",
        camera: "yard-1",
        rule_id: "gate-person",
        zone: "gate",
        severity: "high",
        started_at: iso(startMs),
        ended_at: endMs ? iso(endMs) : null,
        updated_at: iso(endMs ?? startMs + 2000),
        ongoing: !endMs,
        event_count: 1,
        score: shot.boxes[0].score,
        snapshot: shot.picture.digest,
        boxes: shot.boxes,
        zone_points: ZONE,
        acknowledged_by: null,
        acknowledged_at: null,
        resolved_by: null,
        resolved_at: null,
        note: "",
        ...what.over,
    };
    const shots = what.shots ?? [shot];
    one.events = shots.map((s, n) => eventOf(one, s, startMs + n * 21_000, endMs, 12 + n));
    one.event_count = one.events.length;
    one.history = [
        { version: 1, at: iso(startMs + 2100), who: `device:${one.device}`, what: "opened" },
    ];
    one.deliveries = [];
    return one;
}

export function note(one, who, what, agoMs, text) {
    one.version++;
    one.history.push({
        version: one.version,
        at: iso(Date.now() - agoMs),
        who,
        what,
        ...(text ? { text } : {}),
    });
    return one;
}
function acknowledged(one, who, agoMs) {
    Object.assign(note(one, who, "acknowledged", agoMs), {
        state: "acknowledged",
        acknowledged_by: who,
        acknowledged_at: iso(Date.now() - agoMs),
    });
    return one;
}
function resolved(one, who, verdict, agoMs, text = "") {
    Object.assign(note(one, who, "resolved", agoMs, verdict), {
        state: "resolved",
        resolved_by: who,
        resolved_at: iso(Date.now() - agoMs),
        verdict,
        note: text,
    });
    return one;
}
export function deliveryOf(one, over = {}) {
    const at = Date.parse(one.started_at) + 3000;
    return {
        id: ulid(at),
        incident: one.id,
        channel: "email",
        target: "guard@example.org",
        subject: `[${one.severity}] ${one.title}, ${one.camera}`,
        state: "sent",
        created_at: iso(at),
        next_attempt_at: null,
        attempts: [{ at: iso(at + 400), ok: true, answer: "250 2.0.0 Ok: queued" }],
        ...over,
    };
}

function someIncidents(shots) {
    const list = [
        incidentOf(shots[0], {
            agoMs: 0.6 * MINUTE,
            ongoing: true,
            over: { severity: "critical", title: 'person in "loading bay"', zone: "loading bay" },
        }),
        incidentOf(shots[1], { agoMs: 4 * MINUTE, shots: [shots[1], shots[3], shots[4]] }),
        incidentOf(shots[2], {
            agoMs: 11 * MINUTE,
            over: { severity: "medium", camera: "yard-2" },
        }),
        acknowledged(incidentOf(shots[3], { agoMs: 26 * MINUTE }), "ines", 22 * MINUTE),
        incidentOf(shots[4], {
            agoMs: 47 * MINUTE,
            over: { severity: "low", title: 'person in "path"', zone: "path", camera: "yard-2" },
        }),
        resolved(
            acknowledged(incidentOf(shots[5], { agoMs: 64 * MINUTE }), "ines", 61 * MINUTE),
            "ines",
            "true",
            55 * MINUTE,
            "Delivery at the wrong gate; driver sent to the front.",
        ),
        resolved(
            incidentOf(shots[1], {
                agoMs: 130 * MINUTE,
                over: { severity: "info", title: 'person in "path"', zone: "path" },
            }),
            "bo",
            "not_actionable",
            120 * MINUTE,
        ),
        resolved(
            incidentOf(shots[0], { agoMs: 26 * 60 * MINUTE }),
            "bo",
            "false_alarm",
            25 * 60 * MINUTE,
        ),
    ];
    for (const one of list) one.deliveries = [deliveryOf(one)];
    list[2].deliveries = [
        deliveryOf(list[2], {
            channel: "webhook",
            target: "https://hooks.example.org/site-7/incidents",
            state: "failed",
            attempts: [0, 20, 80].map((s) => ({
                at: iso(Date.parse(list[2].started_at) + 3000 + s * 1000),
                ok: false,
                answer: "503 Service Unavailable",
            })),
        }),
    ];
    list[0].deliveries.push(
        deliveryOf(list[0], {
            channel: "webhook",
            target: "https://hooks.example.org/site-7/incidents",
            state: "waiting",
            next_attempt_at: iso(Date.now() + 40_000),
            attempts: [
                { at: iso(Date.now() - 20_000), ok: false, answer: "connect: connection refused" },
            ],
        }),
    );
    return list;
}

function someCameras() {
    const now = Date.now();
    const live = {
        device: "yard-box",
        device_connected: true,
        state: "live",
        since: iso(now - 3 * 3600_000),
        fps: 10,
        width: 768,
        height: 576,
        codec: "h264",
        restarts: 0,
        model: MODEL,
        rules: [rule("gate")],
        last_event_at: iso(now - 36_000),
        reported_at: iso(now - 2000),
    };
    return [
        { ...live, camera: "yard-1", open_incidents: 2 },
        {
            ...live,
            camera: "yard-2",
            open_incidents: 2,
            last_event_at: iso(now - 11 * MINUTE),
            fps: 9.8,
        },
        {
            ...live,
            camera: "dock-3",
            state: "silent",
            since: iso(now - 42_000),
            why: "No picture for 42 s.",
            hint: "Connecting again; is the camera's power or cable gone?",
            restarts: 2,
            rules: [],
            open_incidents: 0,
            last_event_at: iso(now - 5 * 3600_000),
        },
        {
            ...live,
            camera: "gate-2",
            state: "failed",
            since: iso(now - 7 * MINUTE),
            why: "401 Unauthorized from rtsp://10.0.4.12/stream1",
            hint: "Check user and password of this camera.",
            fps: undefined,
            rules: [],
            open_incidents: 0,
            last_event_at: null,
        },
        {
            ...live,
            device: "dock-box",
            camera: "ramp",
            device_connected: false,
            state: "unknown",
            since: iso(now - 34 * MINUTE),
            why: "Its device is away.",
            hint: "It goes on watching; its events arrive when it is back.",
            open_incidents: 0,
            last_event_at: iso(now - 2 * 3600_000),
        },
    ];
}
function someDevices() {
    const now = Date.now();
    const day = 24 * 3600_000;
    return [
        {
            id: "yard-box",
            enabled: true,
            connected: true,
            created_at: iso(now - 40 * day),
            last_seen_at: iso(now - 1500),
            version: "0.1.0",
            queue_waiting: 0,
            queue_dropped: 0,
            camera_count: 4,
            clock_skew_ms: 12,
        },
        {
            id: "dock-box",
            enabled: true,
            connected: false,
            created_at: iso(now - 38 * day),
            last_seen_at: iso(now - 34 * MINUTE),
            version: "0.1.0",
            queue_waiting: 17,
            queue_dropped: 3,
            camera_count: 1,
            clock_skew_ms: -4200,
        },
        {
            id: "test-bench",
            enabled: false,
            connected: false,
            created_at: iso(now - 12 * day),
            last_seen_at: null,
        },
    ];
}

/** Its device keeps the evidence until it is asked for. */
export function holdBack(one) {
    for (const event of one.events)
        for (const file of event.evidence) Object.assign(file, { held: true, arrived: false });
    return one;
}
/** A range of a camera's recording that somebody asked for. */
export function wishOf(over = {}) {
    return {
        id: ulid(),
        device: "yard-box",
        camera: "yard-2",
        from: iso(Date.now() - 4 * MINUTE),
        to: iso(Date.now() - 3 * MINUTE),
        asked_by: "anna",
        asked_at: iso(Date.now()),
        state: "asked",
        ...over,
    };
}
/** What there was, cut and sent: the shot's clip. */
export function cameHere(wish, shot) {
    const start = Date.parse(wish.from) - 1200;
    return Object.assign(wish, {
        state: "here",
        digest: shot.clip.digest,
        bytes: shot.clip.bytes.length,
        start: iso(start),
        end: iso(start + 14_000),
        width: 768,
        height: 576,
    });
}
function someMedia(shots) {
    const now = Date.now();
    const range = (agoMin, seconds) => ({
        from: iso(now - agoMin * MINUTE),
        to: iso(now - agoMin * MINUTE + seconds * 1000),
        asked_at: iso(now - (agoMin - 1) * MINUTE),
    });
    return [
        wishOf({ ...range(3, 60), asked_at: iso(now - 4000), state: "coming" }),
        cameHere(wishOf({ ...range(47, 12), asked_by: "ines" }), shots[4]),
        wishOf({
            ...range(9 * 24 * 60, 120),
            asked_at: iso(now - 50 * MINUTE),
            asked_by: "ines",
            state: "failed",
            why: "nothing is recorded of camera 'yard-2' at that time",
            hint: "the oldest picture there is of 18 Nov, 03:12",
        }),
    ];
}
function someTwins() {
    const cameras = {
        "yard-1": { state: "live", fps: 10, source: "file" },
        "yard-2": {
            state: "live",
            fps: 9.8,
            source: "hub",
            decoder: "software",
            masks: 2,
            entry: {
                state: "refused",
                why: "camera 'yard-2': 'rule.kind' is none that there is: zoen",
                hint: "did you mean 'zone'?",
            },
        },
    };
    const others = {
        helmets: {
            name: "helmet-crops",
            digest: "27c0e4a1f93b5d7c6e8812a0b4d3f5967788c1e2d3a4b5c6d7e8f90112233445",
            provider: "cpu",
        },
        forklifts: { missing: "forklifts.onnx: there is no such file" },
    };
    return {
        "yard-box": {
            desired: { $version: 4, $metadata: {}, arming: { profile: "night" } },
            reported: {
                $version: 9,
                agent: { version: "0.1.0" },
                model: { ...MODEL, provider: "cpu", others },
                arming: { desired_version: 4, state: "accepted" },
                cameras,
            },
        },
    };
}

export function someSite(shots) {
    const incidents = someIncidents(shots);
    return {
        media: someMedia(shots),
        twins: someTwins(),
        health: { status: "ok", version: "0.1.0", site: "North yard", time_zone: "Europe/Berlin" },
        users: [
            {
                name: "anna",
                role: "administrator",
                email: "anna@example.org",
                created_at: iso(Date.now() - 40 * 86_400_000),
                password: "correct horse",
            },
            {
                name: "ines",
                role: "operator",
                email: "ines@example.org",
                created_at: iso(Date.now() - 31 * 86_400_000),
                password: "battery staple",
            },
            {
                name: "bo",
                role: "viewer",
                created_at: iso(Date.now() - 9 * 86_400_000),
                password: "just looking",
            },
        ],
        incidents,
        cameras: someCameras(),
        devices: someDevices(),
        mails: incidents
            .slice(0, 5)
            .map((i) => ({
                id: `m-${i.id}`,
                at: iso(Date.parse(i.started_at) + 3400),
                from: "vedette@localhost",
                to: ["guard@example.org"],
                subject: `[${i.severity}] ${i.title}, ${i.camera}`,
                has_picture: true,
                picture: i.snapshot,
                text: `${i.title}\ncamera ${i.camera} of ${i.device}\n\nhttps://localhost:8443/incidents/${i.id}\n`,
            })),
        mailboxEnabled: true,
    };
}
export const emptySite = (site) => ({
    ...site,
    incidents: [],
    cameras: [],
    devices: [],
    mails: [],
});
