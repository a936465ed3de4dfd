// The Lab's words as people read them.
import type {
  DatasetSplit,
  LabelAct,
  LabelVerdict,
  PoolLabel,
  PoolReason,
  PoolSource,
  RunKind,
  RunState,
} from "../contract.gen";

export const labelText: Record<PoolLabel, string> = {
  none: "Unlabelled",
  proposed: "Proposed",
  labelled: "Labelled",
  reviewed: "Reviewed",
};
export const sourceText: Record<PoolSource, string> = {
  incident: "From incidents",
  sample: "Sampled",
  import: "Brought in",
};
export const reasonText: Record<PoolReason, string> = {
  false_alarm: "False alarm",
  wrong_class: "Wrong class",
  confirmed: "Confirmed",
  random: "At random",
  uncertain: "Uncertain",
  rare: "Rare class",
  drift: "Drift",
  import: "Brought in",
};
export const verdictText: Record<LabelVerdict, string> = {
  objects: "Objects",
  nothing: "Nothing here",
  unusable: "Unusable",
};
export const actText: Record<LabelAct, string> = {
  proposed: "proposed",
  labelled: "labelled it",
  agreed: "agreed",
  disagreed: "disagreed",
  undone: "took a change back",
  imported: "brought it in",
  withdrawn: "withdrew it",
};
export const splitText: Record<DatasetSplit, string> = {
  train: "Training",
  val: "Validation",
  test: "Test",
};
export const runKindText: Record<RunKind, string> = {
  train: "Training",
  evaluate: "Measurement",
  quantize: "Quantisation",
};
export const runStateText: Record<RunState, string> = {
  queued: "Waiting",
  leased: "Running",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** mAP and its like: three digits, and a dash where nothing was measured. */
export function measure(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : value.toFixed(3);
}
/** A class keeps its colour in every picture and chart, by its name. */
export function hueOf(name: string): number {
  let sum = 7;
  for (let n = 0; n < name.length; n++) sum = (sum * 31 + name.charCodeAt(n)) % 360;
  return sum;
}
