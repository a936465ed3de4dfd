// What arrives is checked once, here, and is of the contract's types from then on.
// Unknown members are ignored; a missing or wrong one is named by its path.
import * as words from "../contract.gen";
import type * as c from "../contract.gen";

export type Decoder<T> = (value: unknown, at: string) => T;

export class DecodeError extends globalThis.Error {
  constructor(at: string, wanted: string) {
    super(`${at || "answer"} is not ${wanted}`);
  }
}

export const text: Decoder<string> = (v, at) => {
  if (typeof v !== "string") throw new DecodeError(at, "a text");
  return v;
};
export const number: Decoder<number> = (v, at) => {
  if (typeof v !== "number" || !Number.isFinite(v)) throw new DecodeError(at, "a number");
  return v;
};
export const truth: Decoder<boolean> = (v, at) => {
  if (typeof v !== "boolean") throw new DecodeError(at, "true or false");
  return v;
};
export const time: Decoder<string> = (v, at) => {
  if (typeof v !== "string" || Number.isNaN(Date.parse(v))) throw new DecodeError(at, "a time");
  return v;
};
export const nothing: Decoder<null> = () => null;

export function word<T extends string>(known: readonly T[]): Decoder<T> {
  return (v, at) => {
    const found = known.find((k) => k === v);
    if (found === undefined) throw new DecodeError(at, `one of ${known.join(", ")}`);
    return found;
  };
}
export function list<T>(of: Decoder<T>): Decoder<T[]> {
  return (v, at) => {
    if (!Array.isArray(v)) throw new DecodeError(at, "a list");
    return v.map((one, n) => of(one, `${at}[${n}]`));
  };
}
export function maybe<T>(of: Decoder<T>): Decoder<T | undefined> {
  return (v, at) => (v === undefined || v === null ? undefined : of(v, at));
}
export function members<T>(shape: { [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> {
  const keys = Object.keys(shape) as (keyof T & string)[];
  return (v, at) => {
    if (typeof v !== "object" || v === null || Array.isArray(v))
      throw new DecodeError(at, "an object");
    const from = v as Record<string, unknown>;
    const into = {} as T;
    for (const key of keys) {
      const value = shape[key](from[key], at ? `${at}.${key}` : key);
      if (value !== undefined) into[key] = value;
    }
    return into;
  };
}
export const anyMembers: Decoder<Record<string, unknown>> = (v, at) => {
  if (typeof v !== "object" || v === null || Array.isArray(v))
    throw new DecodeError(at, "an object");
  return v as Record<string, unknown>;
};

const point = members<c.Point>({ x: number, y: number });
export const rect = members<c.Rect>({ l: number, t: number, w: number, h: number });
export const box = members<c.Box>({ box: rect, score: number, class: text, track: maybe(number) });
const severity = word(words.severity_words);
export const modelRef = members<c.ModelRef>({ name: text, digest: text });

export const health = members<c.Health>({
  status: word(["ok"] as const),
  version: text,
  time,
  site: text,
  time_zone: text,
});
export const user = members<c.User>({
  name: text,
  role: word(words.role_words),
  email: maybe(text),
  created_at: time,
});
export const userPage = members<c.UserPage>({ users: list(user) });
export const session = members<c.Session>({
  user,
  csrf: maybe(text),
  token: maybe(text),
  expires_at: maybe(time),
});
export const errorBody = members<c.ErrorBody>({
  class: word(words.error_class_words),
  fact: text,
  detail: maybe(text),
  hint: maybe(text),
});

function record<T>(of: Decoder<T>): Decoder<Record<string, T>> {
  return (v, at) => {
    if (typeof v !== "object" || v === null || Array.isArray(v))
      throw new DecodeError(at, "an object");
    return Object.fromEntries(Object.entries(v).map(([k, one]) => [k, of(one, `${at}.${k}`)]));
  };
}
const requiredItem = members<c.RequiredItem>({
  item: text,
  classes: list(text),
  without: maybe(list(text)),
  top: maybe(number),
  bottom: maybe(number),
  score_min: maybe(number),
  visible_min: maybe(number),
});
const rule = members<c.Rule>({
  id: text,
  kind: word(words.event_kind_words),
  zone: text,
  severity: maybe(severity),
  points: list(point),
  classes: maybe(list(text)),
  score_min: maybe(number),
  dwell_ms: maybe(number),
  leave_ms: maybe(number),
  when: maybe(word(["inside", "enter", "leave", "occupancy"] as const)),
  direction: maybe(word(["either", "clockwise", "counterclockwise"] as const)),
  at_least: maybe(number),
  at_most: maybe(number),
  period_ms: maybe(number),
  required: maybe(list(requiredItem)),
  share: maybe(number),
  looks: maybe(number),
  near: maybe(list(text)),
  distance_m: maybe(number),
  closing_mps: maybe(number),
  riders: maybe(truth),
  calibration: maybe(
    members<c.GroundCalibration>({ points: list(point), metres: list(list(number)) }),
  ),
  trigger: maybe(word(["line", "picture", "external"] as const)),
  good: maybe(list(text)),
  defects: maybe(list(text)),
  pass: maybe(number),
  fail: maybe(number),
  unsure: maybe(number),
  parts: maybe(
    list(members<c.AssemblyPart>({ class: text, at: list(number), tolerance: number })),
  ),
  ordered: maybe(truth),
  what: maybe(word(["either", "left", "removed"] as const)),
  size_min: maybe(number),
  size_max: maybe(number),
  tell: maybe(list(text)),
  chart: maybe(
    members<c.DefectChart>({
      sample: number,
      baseline: maybe(number),
      sigma: number,
      lambda: number,
      width: number,
    }),
  ),
  hours: maybe(list(text)),
  profiles: maybe(list(text)),
});
const evidence = members<c.Evidence>({
  kind: word(["snapshot", "clip"] as const),
  digest: text,
  bytes: number,
  content_type: text,
  start: time,
  end: time,
  width: maybe(number),
  height: maybe(number),
  arrived: maybe(truth),
  held: maybe(truth),
});
const place = members<c.Place>({ at_ms: number, l: number, t: number, w: number, h: number });
const event = members<c.Event>({
  id: text,
  revision: number,
  phase: word(words.event_phase_words),
  device: text,
  camera: text,
  kind: word(words.event_kind_words),
  title: maybe(text),
  severity,
  rule_id: text,
  rule_version: text,
  zone: text,
  rule: maybe(rule),
  start: time,
  update: time,
  end: maybe(time),
  time_source: maybe(word(["rtcp", "arrival", "file"] as const)),
  track: number,
  class: text,
  score: number,
  score_min: maybe(number),
  model: modelRef,
  boxes: list(box),
  inferences: list(anyMembers),
  evidence: list(evidence),
  path: maybe(list(place)),
  properties: maybe(record(text)),
  correlation: maybe(text),
});

const incidentShape: { [K in keyof c.Incident]-?: Decoder<c.Incident[K]> } = {
  id: text,
  version: number,
  state: word(words.incident_state_words),
  title: text,
  device: text,
  camera: text,
  rule_id: text,
  zone: text,
  severity,
  started_at: time,
  ended_at: maybe(time),
  updated_at: time,
  ongoing: truth,
  event_count: number,
  score: maybe(number),
  snapshot: maybe(text),
  boxes: maybe(list(box)),
  zone_points: maybe(list(point)),
  acknowledged_by: maybe(text),
  acknowledged_at: maybe(time),
  resolved_by: maybe(text),
  resolved_at: maybe(time),
  verdict: maybe(word(words.verdict_words)),
  note: maybe(text),
};
export const incident = members<c.Incident>(incidentShape);
const historyEntry = members<c.HistoryEntry>({
  version: number,
  at: time,
  who: text,
  text: maybe(text),
  what: word([
    "opened",
    "event_joined",
    "event_ended",
    "acknowledged",
    "resolved",
    "reopened",
    "notified",
    "note",
  ] as const),
});
const attempt = members<c.DeliveryAttempt>({ at: time, ok: truth, answer: text });
export const delivery = members<c.Delivery>({
  id: text,
  incident: text,
  channel: word(["email", "webhook"] as const),
  target: text,
  subject: maybe(text),
  state: word(words.delivery_state_words),
  created_at: time,
  next_attempt_at: maybe(time),
  attempts: list(attempt),
});
export const deliveryPage = members<c.DeliveryPage>({
  deliveries: list(delivery),
  next: maybe(text),
});
export const incidentDetail = members<c.IncidentDetail>({
  ...incidentShape,
  events: list(event),
  history: list(historyEntry),
  deliveries: list(delivery),
});
export const incidentPage = members<c.IncidentPage>({
  incidents: list(incident),
  next: maybe(text),
  counts: members<c.IncidentPage["counts"]>({
    open: number,
    acknowledged: number,
    resolved: number,
    mine: number,
  }),
});
export const conflict = members<c.Conflict>({
  error: errorBody,
  incident: incidentDetail,
  changes: list(historyEntry),
});

export const camera = members<c.Camera>({
  device: text,
  camera: text,
  state: word(words.camera_state_words),
  since: maybe(time),
  why: maybe(text),
  hint: maybe(text),
  device_connected: truth,
  fps: maybe(number),
  width: maybe(number),
  height: maybe(number),
  codec: maybe(text),
  restarts: maybe(number),
  model: maybe(modelRef),
  rules: maybe(list(rule)),
  last_event_at: maybe(time),
  last_incident: maybe(text),
  open_incidents: maybe(number),
  reported_at: maybe(time),
});
export const cameraPage = members<c.CameraPage>({ cameras: list(camera) });
export const media = members<c.Media>({
  id: text,
  device: text,
  camera: text,
  from: time,
  to: time,
  asked_by: text,
  asked_at: time,
  state: word(words.media_state_words),
  why: maybe(text),
  hint: maybe(text),
  digest: maybe(text),
  bytes: maybe(number),
  start: maybe(time),
  end: maybe(time),
  width: maybe(number),
  height: maybe(number),
});
export const mediaList = members<{ media: c.Media[] }>({ media: list(media) });
export const askedEvidence = members<{ digest: string; device: string }>({
  digest: text,
  device: text,
});
export const device = members<c.Device>({
  id: text,
  enabled: truth,
  connected: truth,
  created_at: time,
  last_seen_at: maybe(time),
  version: maybe(text),
  queue_waiting: maybe(number),
  queue_dropped: maybe(number),
  camera_count: maybe(number),
  clock_skew_ms: maybe(number),
});
export const devicePage = members<c.DevicePage>({ devices: list(device) });
export const twin = members<c.Twin>({
  device: text,
  etag: text,
  tags: anyMembers,
  properties: members<c.Twin["properties"]>({ desired: anyMembers, reported: anyMembers }),
});
export const connectionString = members<c.ConnectionString>({ connection_string: text });
const mail = members<c.Mail>({
  id: text,
  at: time,
  from: text,
  to: list(text),
  subject: text,
  text: maybe(text),
  has_picture: maybe(truth),
});
export const mailPage = members<c.MailPage>({ mails: list(mail), enabled: truth });
export const change = members<c.Change>({
  type: word([
    "incident",
    "camera",
    "device",
    "delivery",
    "run",
    "model",
    "rollout",
    "pool",
    "watch",
  ] as const),
  id: text,
  version: maybe(number),
});
