// What Models, Rollouts and Score ask of the hub, and the checks of what arrives.
import * as words from "../../contract.gen";
import type * as c from "../../contract.gen";
import { ask, Failure } from "../../api/client";
import {
  anyMembers,
  box,
  errorBody,
  list,
  maybe,
  members,
  modelRef,
  number,
  text,
  time,
  truth,
  word,
  type Decoder,
} from "../../api/decode";

/** A number that may be unknown: null stays, so that "not measured" is never a zero. */
const measured: Decoder<number | null> = (v, at) =>
  v === null || v === undefined ? null : number(v, at);

const modelShape: { [K in keyof c.Model]-?: Decoder<c.Model[K]> } = {
  digest: text,
  name: text,
  version: number,
  state: word(words.model_state_words),
  repository: text,
  manifest: text,
  descriptor: text,
  labels: text,
  bytes: number,
  classes: list(text),
  score_min: number,
  reference_pictures: number,
  devices: number,
  registered_at: time,
  registered_by: text,
  key: text,
  dataset: maybe(text),
  run: maybe(text),
  parent: maybe(text),
  approved_at: maybe(time),
  approved_by: maybe(text),
  forced: maybe(truth),
  note: maybe(text),
};
const model = members<c.Model>(modelShape);
export const modelPage = members<c.ModelPage>({ models: list(model), next: maybe(text) });
const decisionWords = [
  "registered",
  "promoted",
  "forced",
  "refused",
  "replaced",
  "retired",
] as const;
const modelDetail = members<c.ModelDetail>({
  ...modelShape,
  history: list(
    members<c.ModelDecision>({
      at: time,
      who: text,
      what: word(decisionWords),
      reason: maybe(text),
      verdict: maybe(anyMembers),
    }),
  ),
});
const lineage = members<c.Lineage>({
  kind: word(["picture", "dataset", "run", "model"] as const),
  thing: text,
  picture_count: number,
  pictures: list(text),
  datasets: list(
    members<c.LineageDataset>({
      digest: text,
      name: maybe(text),
      made_at: maybe(time),
      pictures: maybe(number),
    }),
  ),
  runs: list(
    members<c.LineageRun>({
      run: text,
      kind: maybe(text),
      state: maybe(text),
      who: maybe(text),
      at: maybe(time),
    }),
  ),
  models: list(model),
  devices: list(
    members<c.LineageDevice>({
      device: text,
      model: modelRef,
      cameras: maybe(list(text)),
      state: maybe(text),
      since: maybe(time),
    }),
  ),
});
export const refused = members<c.Refused>({ error: errorBody, verdict: maybe(anyMembers) });
const comparisonRuns = members<c.ComparisonRuns>({ runs: list(text) });

const difference = members<c.GateDifference>({
  champion: measured,
  challenger: measured,
  difference: measured,
  low: measured,
  high: measured,
});
export const gateVerdict = members<c.GateVerdict>({
  promote: truth,
  outcome: word(words.gate_outcome_words),
  why: text,
  confidence: number,
  margin: number,
  draws: number,
  groups: number,
  pictures: number,
  map50: difference,
  false_alarms: difference,
  words: list(text),
});

/** The parts of a report that a comparison shows. */
export type Report = Pick<
  c.Report,
  | "model"
  | "dataset"
  | "split"
  | "map"
  | "map50"
  | "per_class"
  | "per_camera"
  | "per_hour"
  | "curve"
  | "false_alarms"
  | "worst"
  | "latency_ms"
  | "words"
> & { recall: number | null; precision: number | null };
const slice = members<c.ReportSlice>({
  name: text,
  pictures: number,
  groups: number,
  truths: number,
  map50: measured,
  tp: number,
  fp: number,
  fn: number,
});
const report = members<Report>({
  model: members<c.ReportModel>({ name: text, digest: text }),
  dataset: text,
  split: word(words.dataset_split_words),
  map: measured,
  map50: measured,
  recall: measured,
  precision: measured,
  per_class: list(
    members<c.ReportClass>({
      class: text,
      truths: number,
      ap: measured,
      ap50: measured,
      tp: maybe(number),
      fp: maybe(number),
      fn: maybe(number),
    }),
  ),
  per_camera: list(slice),
  per_hour: list(slice),
  curve: list(list(number)),
  false_alarms: members<c.Report["false_alarms"]>({ per_picture: number, at_score: number }),
  worst: list(
    members<c.Report["worst"][number]>({
      picture: text,
      camera: text,
      reason: word(words.worst_reason_words),
      why: text,
    }),
  ),
  latency_ms: members<c.Report["latency_ms"]>({ median: measured, p95: measured }),
  words: list(text),
});

const counts = members<c.RolloutCounts>({
  devices: number,
  waiting: number,
  under_way: number,
  active: number,
  failed: number,
  returned: number,
});
const rolloutShape: { [K in keyof c.Rollout]-?: Decoder<c.Rollout[K]> } = {
  id: text,
  version: number,
  model: modelRef,
  manifest: text,
  repository: text,
  condition: text,
  canary: maybe(text),
  state: word(words.rollout_state_words),
  why: maybe(text),
  stage: number,
  stages: list(number),
  percent: number,
  false_alarm_limit: number,
  soak_s: number,
  note: maybe(text),
  started_by: text,
  started_at: time,
  updated_at: time,
  ended_at: maybe(time),
  counts,
  false_alarms: members<c.FalseAlarmShare>({
    verdicts: number,
    false_alarms: number,
    former_verdicts: number,
    former_false_alarms: number,
  }),
};
const rolloutPage = members<c.RolloutPage>({
  rollouts: list(members<c.Rollout>(rolloutShape)),
  next: maybe(text),
});
const historyWords = [
  "started",
  "told",
  "active",
  "failed",
  "stage",
  "done",
  "halted",
  "resumed",
  "return",
  "returned",
  "left",
  "superseded",
] as const;
const rolloutDetail = members<c.RolloutDetail>({
  ...rolloutShape,
  devices: list(
    members<c.RolloutDevice>({
      device: text,
      state: word(words.rollout_device_state_words),
      canary: truth,
      connected: truth,
      since: time,
      why: maybe(text),
      active_at: maybe(time),
      pictures: maybe(number),
      errors: maybe(number),
      former: maybe(text),
    }),
  ),
  history: list(
    members<c.RolloutHistory>({
      at: time,
      who: text,
      what: word(historyWords),
      device: maybe(text),
      text: maybe(text),
    }),
  ),
});

const score = members<c.Score>({
  model: modelRef,
  width: number,
  height: number,
  confidence: maybe(number),
  boxes: list(box),
  preprocess_us: maybe(number),
  run_us: number,
});

const at = encodeURIComponent;
const post = <T>(path: string, body: unknown, read: Decoder<T>): Promise<T> =>
  ask(path, { method: "POST", body, read });

export const models = {
  list: (query: URLSearchParams) => ask(`/models?${query}`, { read: modelPage }),
  one: (digest: string) => ask(`/models/${at(digest)}`, { read: modelDetail }),
  lineage: (digest: string) => ask(`/models/${at(digest)}/lineage`, { read: lineage }),
  promote: (digest: string, body: c.Promotion) =>
    post(`/models/${at(digest)}/promote`, body, modelDetail),
  retire: (digest: string, body: c.Retirement) =>
    post(`/models/${at(digest)}/retire`, body, modelDetail),
  compare: (digest: string, body: c.Comparison) =>
    post(`/models/${at(digest)}/compare`, body, comparisonRuns),
  report: (run: string) => ask(`/runs/${at(run)}/report`, { read: report }),
  against: (run: string, champion: string, confidence: string) =>
    ask(`/runs/${at(run)}/against/${at(champion)}?confidence=${at(confidence)}`, {
      read: gateVerdict,
    }),
  rollouts: (query: URLSearchParams) => ask(`/rollouts?${query}`, { read: rolloutPage }),
  rollout: (id: string) => ask(`/rollouts/${at(id)}`, { read: rolloutDetail }),
  startRollout: (body: c.NewRollout) => post("/rollouts", body, rolloutDetail),
  stepRollout: (id: string, step: "halt" | "resume" | "return", body: c.RolloutStep) =>
    post(`/rollouts/${at(id)}/${step}`, body, rolloutDetail),
  score: (query: URLSearchParams, picture: Blob) => post(`/score?${query}`, picture, score),
};

/** What the gate said, when an answer of ours carries it and this page can read it. */
export function verdictIn(value: unknown): c.GateVerdict | undefined {
  try {
    return gateVerdict(value, "verdict");
  } catch {
    return undefined;
  }
}
export function refusalIn(failure: Failure | undefined): c.GateVerdict | undefined {
  const seen = failure?.status === 409 ? (failure.answer as { verdict?: unknown }) : undefined;
  return seen?.verdict === undefined ? undefined : verdictIn(seen.verdict);
}

/** What a model found in one picture, and what people say is in it. */
export interface Found {
  class: string;
  score: number;
  box: c.Rect;
}
const FOUND_MAX_BYTES = 24 * 1024 * 1024;

async function textOf(url: string): Promise<string> {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}
const sides = (v: unknown): c.Rect | undefined => {
  if (!Array.isArray(v) || v.length !== 4 || !v.every((n) => typeof n === "number"))
    return undefined;
  const [l, t, w, h] = v as [number, number, number, number];
  return { l, t, w, h };
};

/** Of a run's detections.jsonl only the lines of these pictures are read. */
export async function foundIn(
  file: c.RunFile | undefined,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Found[]>> {
  const found = new Map<string, Found[]>();
  if (!file || file.bytes > FOUND_MAX_BYTES) return found;
  for (const line of (await textOf(`/api/v1/blobs/${at(file.digest)}`)).split("\n")) {
    if (!wanted.has(line.slice(12, 76)) && !/"picture"/.test(line)) continue;
    try {
      const one = JSON.parse(line) as { picture?: string; detections?: unknown[] };
      if (!one.picture || !wanted.has(one.picture)) continue;
      found.set(
        one.picture,
        (one.detections ?? []).flatMap((d) => {
          const { class: name, score: sure, box: place } = d as Record<string, unknown>;
          const rect = sides(place);
          return rect && typeof name === "string" && typeof sure === "number"
            ? [{ class: name, score: sure, box: rect }]
            : [];
        }),
      );
    } catch {
      // A line that is none costs its picture's boxes, not the comparison.
    }
  }
  return found;
}

export interface Labelled {
  width: number;
  height: number;
  camera: string;
  boxes: Found[];
}
const MANIFEST_MAX_PICTURES = 50_000;

/** The labels of these pictures, from the dataset's manifest. */
export async function labelsIn(
  dataset: string,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Labelled>> {
  const labels = new Map<string, Labelled>();
  const seen = JSON.parse(await textOf(`/api/v1/datasets/${at(dataset)}`)) as {
    pictures?: Record<string, unknown>[];
  };
  for (const p of (seen.pictures ?? []).slice(0, MANIFEST_MAX_PICTURES)) {
    const picture = String(p["picture"]);
    if (!wanted.has(picture)) continue;
    labels.set(picture, {
      width: Number(p["width"]) || 4,
      height: Number(p["height"]) || 3,
      camera: String(p["camera"] ?? ""),
      boxes: ((p["boxes"] as Record<string, unknown>[] | undefined) ?? []).flatMap((b) => {
        const rect = sides(b["box"]);
        return rect ? [{ class: String(b["class"]), score: 1, box: rect }] : [];
      }),
    });
  }
  return labels;
}

/** The descriptor that was signed with the model. */
export const descriptorOf = (one: c.Model): Promise<string> =>
  textOf(`/api/v1/blobs/${at(one.descriptor)}`);
