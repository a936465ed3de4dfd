// What the Lab asks of the hub, and the checks of what arrives. The rest of the page does not load this.
import * as words from "../../contract.gen";
import type * as c from "../../contract.gen";
import { ask } from "../../api/client";
import {
  box,
  errorBody,
  list,
  maybe,
  members,
  modelRef,
  number,
  rect,
  text,
  time,
  truth,
  word,
  type Decoder,
} from "../../api/decode";

/** A number that may be unknown: null stays, so that "not measured" is never a zero. */
const measured: Decoder<number | null> = (v, at) =>
  v === null || v === undefined ? null : number(v, at);
const numbers: Decoder<Record<string, number>> = (v) =>
  Object.fromEntries(
    Object.entries((v ?? {}) as Record<string, unknown>).filter(
      (e): e is [string, number] => typeof e[1] === "number" && Number.isFinite(e[1]),
    ),
  );

const labelBox = members<c.LabelBox>({ class: text, box: rect, track: maybe(number) });
const label = members<c.Label>({
  verdict: word(words.label_verdict_words),
  boxes: list(labelBox),
  class: maybe(text),
  by: text,
  at: time,
  spent_ms: maybe(number),
});
const review = members<c.Review>({ agree: truth, by: text, at: time, note: maybe(text) });
export const poolPicture = members<c.PoolPicture>({
  picture: text,
  version: number,
  label_state: word(words.pool_label_words),
  source: word(words.pool_source_words),
  reason: word(words.pool_reason_words),
  device: text,
  camera: text,
  captured_at: time,
  added_at: time,
  width: number,
  height: number,
  here: truth,
  proposals: list(box),
  wrong: maybe(list(box)),
  model: maybe(modelRef),
  incident: maybe(text),
  label: maybe(label),
  review: maybe(review),
  teach: maybe(number),
  teach_why: maybe(list(text)),
});
const poolPage = members<c.PoolPage>({
  pictures: list(poolPicture),
  next: maybe(text),
  counts: members<c.PoolPage["counts"]>({
    none: number,
    proposed: number,
    labelled: number,
    reviewed: number,
  }),
  cameras: list(members<c.PoolCamera>({ device: text, camera: text, pictures: number })),
});
const poolClasses = members<c.PoolClassPage>({
  classes: list(
    members<c.PoolClass>({ name: text, pictures: number, boxes: number, proposals: number }),
  ),
});
const historyEntry = members<c.PoolHistoryEntry>({
  version: number,
  at: time,
  who: text,
  what: word(words.label_act_words),
  label_state: word(words.pool_label_words),
  label: maybe(label),
  note: maybe(text),
});
const poolHistory = members<c.PoolHistoryPage>({ entries: list(historyEntry) });
export const labelConflict = members<c.LabelConflict>({
  error: errorBody,
  picture: poolPicture,
  changes: list(historyEntry),
});
const imported = members<c.Imported>({
  pictures: number,
  added: number,
  known: number,
  labels: number,
  boxes: number,
  refused: list(members<c.Imported["refused"][number]>({ name: text, why: text })),
  refused_count: maybe(number),
  classes_added: list(text),
});

const splits = members<c.SplitCounts>({ train: number, val: number, test: number });
export const dataset = members<c.Dataset>({
  digest: text,
  name: text,
  task: word(words.dataset_task_words),
  seed: number,
  made_at: time,
  made_by: text,
  pictures: number,
  boxes: number,
  classes: list(text),
  splits,
  test_uses: number,
});
const datasetPage = members<c.DatasetPage>({ datasets: list(dataset), next: maybe(text) });
const warning = members<c.Warning>({ fact: text, hint: maybe(text) });
const datasetMade = members<c.DatasetMade>({ dataset, warnings: list(warning) });
const datasetReport = members<c.DatasetReport>({
  dataset,
  splits: list(
    members<c.DatasetReport["splits"][number]>({
      split: word(words.dataset_split_words),
      pictures: number,
      boxes: number,
      empty: number,
      groups: number,
      uses: number,
      last_used_at: maybe(time),
    }),
  ),
  classes: list(
    members<c.DatasetReport["classes"][number]>({ class: text, boxes: splits, pictures: splits }),
  ),
  cameras: list(
    members<c.DatasetReport["cameras"][number]>({
      device: text,
      camera: text,
      pictures: splits,
      boxes: splits,
    }),
  ),
  hours: list(members<c.DatasetReport["hours"][number]>({ hour: number, pictures: splits })),
  warnings: list(warning),
});
const datasetDiff = members<c.DatasetDiff>({
  from: text,
  to: text,
  added: list(text),
  removed: list(text),
  relabelled: list(text),
  moved: list(text),
  same: number,
});

const runConfig = members<c.RunConfig>({
  dataset: text,
  model: text,
  descriptor: maybe(text),
  seed: maybe(number),
  split: maybe(word(words.dataset_split_words)),
  epochs: maybe(number),
  batch: maybe(number),
  learning_rate: maybe(number),
  weight_decay: maybe(number),
  freeze: maybe(number),
  augment: maybe(truth),
  patience: maybe(number),
  checkpoint_s: maybe(number),
  calibration: maybe(number),
  budget: maybe(number),
  threads: maybe(number),
});
const runFile = members<c.RunFile>({ name: text, digest: text, bytes: number, put_at: time });
const runShape: { [K in keyof c.Run]-?: Decoder<c.Run[K]> } = {
  id: text,
  version: number,
  kind: word(words.run_kind_words),
  name: maybe(text),
  state: word(words.run_state_words),
  config: runConfig,
  created_by: text,
  created_at: time,
  started_at: maybe(time),
  updated_at: time,
  ended_at: maybe(time),
  worker: maybe(text),
  lease_until: maybe(time),
  attempts: number,
  step: number,
  steps: number,
  why: maybe(errorBody),
  files: list(runFile),
  summary: maybe(
    members<c.RunSummary>({
      map: measured,
      map50: measured,
      pictures: number,
      false_alarms_per_picture: number,
      median_ms: measured,
    }),
  ),
};
const run = members<c.Run>(runShape);
const runDetail = members<c.RunDetail>({
  ...runShape,
  points: list(members<c.RunPoint>({ step: number, at: time, values: numbers })),
  words: list(members<c.RunWord>({ at: time, text })),
});
const runPage = members<c.RunPage>({
  runs: list(run),
  next: maybe(text),
  counts: members<c.RunPage["counts"]>({ queued: number, leased: number }),
});

/** The parts of a report that this place shows; the file has more. */
export interface RunReport {
  split: c.DatasetSplit;
  task: c.DatasetTask;
  map: number | null;
  map50: number | null;
  recall: number | null;
  precision: number | null;
  accuracy: number | null;
  per_class: { class: string; truths: number; ap: number | null; ap50: number | null }[];
  per_camera: { name: string; pictures: number; truths: number; map50: number | null }[];
  curve: number[][];
  false_alarms: { per_picture: number; at_score: number };
  worst: { picture: string; camera: string; why: string }[];
  latency_ms: { median: number | null; p95: number | null };
  words: string[];
}
const runReport = members<RunReport>({
  split: word(words.dataset_split_words),
  task: word(words.dataset_task_words),
  map: measured,
  map50: measured,
  recall: measured,
  precision: measured,
  accuracy: measured,
  per_class: list(
    members<RunReport["per_class"][number]>({
      class: text,
      truths: number,
      ap: measured,
      ap50: measured,
    }),
  ),
  per_camera: list(
    members<RunReport["per_camera"][number]>({
      name: text,
      pictures: number,
      truths: number,
      map50: measured,
    }),
  ),
  curve: list(list(number)),
  false_alarms: members<RunReport["false_alarms"]>({ per_picture: number, at_score: number }),
  worst: list(members<RunReport["worst"][number]>({ picture: text, camera: text, why: text })),
  latency_ms: members<RunReport["latency_ms"]>({ median: measured, p95: measured }),
  words: list(text),
});

/** What a training may start with, and what came out of one. */
export interface KnownModel {
  digest: string;
  name: string;
  version: number;
  state: c.ModelState;
  run?: string;
}
const modelShape: { [K in keyof KnownModel]-?: Decoder<KnownModel[K]> } = {
  digest: text,
  name: text,
  version: number,
  state: word(words.model_state_words),
  run: maybe(text) as Decoder<string>,
};
const knownModel = members<KnownModel>(modelShape);
const modelPage = members<{ models: KnownModel[] }>({ models: list(knownModel) });

const at = encodeURIComponent;
const post = <T>(path: string, body: unknown, read: Decoder<T>): Promise<T> =>
  ask(path, { method: "POST", body, read });

export const lab = {
  pool: (query: URLSearchParams) => ask(`/pool?${query}`, { read: poolPage }),
  classes: () => ask("/pool/classes", { read: poolClasses }),
  addClass: (name: string) => post("/pool/classes", { name }, poolClasses),
  next: (query: URLSearchParams) => ask(`/pool/next?${query}`, { read: maybe(poolPicture) }),
  picture: (id: string) => ask(`/pool/${at(id)}`, { read: poolPicture }),
  history: (id: string) => ask(`/pool/${at(id)}/history`, { read: poolHistory }),
  say: (id: string, body: c.NewLabel) =>
    ask(`/pool/${at(id)}/label`, { method: "PUT", body, read: poolPicture }),
  unsay: (id: string, body: c.LabelUndo) => post(`/pool/${at(id)}/undo`, body, poolPicture),
  review: (id: string, body: c.NewReview) => post(`/pool/${at(id)}/review`, body, poolPicture),
  upload: (file: Blob, query: URLSearchParams) => post(`/pool?${query}`, file, poolPicture),
  importSet: (file: Blob, query: URLSearchParams) => post(`/pool/import?${query}`, file, imported),
  datasets: (query = new URLSearchParams({ limit: "200" })) =>
    ask(`/datasets?${query}`, { read: datasetPage }),
  makeDataset: (body: c.NewDataset) => post("/datasets", body, datasetMade),
  datasetReport: (digest: string) => ask(`/datasets/${at(digest)}/report`, { read: datasetReport }),
  datasetDiff: (from: string, to: string) =>
    ask(`/datasets/${at(from)}/diff/${at(to)}`, { read: datasetDiff }),
  runs: (query: URLSearchParams) => ask(`/runs?${query}`, { read: runPage }),
  run: (id: string) => ask(`/runs/${at(id)}`, { read: runDetail }),
  startRun: (body: c.NewRun) => post("/runs", body, runDetail),
  cancelRun: (id: string) => post(`/runs/${at(id)}/cancel`, {}, runDetail),
  runReport: (id: string) => ask(`/runs/${at(id)}/report`, { read: runReport }),
  models: () => ask("/models?limit=200", { read: modelPage }),
  register: (body: { run: string; name?: string }) => post("/models", body, knownModel),
};

export function blobUrl(digest: string, widthPx?: number): string {
  return `/api/v1/blobs/${at(digest)}${widthPx ? `?width=${widthPx}` : ""}`;
}
export function exportUrl(digest: string, format: "coco" | "yolo"): string {
  return `/api/v1/datasets/${at(digest)}/export?format=${format}`;
}
