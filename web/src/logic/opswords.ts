// The words of models, rollouts and watch as people read them.
import type {
  GateOutcome,
  ModelDecision,
  ModelState,
  RolloutDeviceState,
  RolloutHistory,
  RolloutState,
  WatchState,
  WorstReason,
} from "../contract.gen";

export const modelStateText: Record<ModelState, string> = {
  candidate: "Candidate",
  champion: "Champion",
  retired: "Retired",
};
export const decisionText: Record<ModelDecision["what"], string> = {
  registered: "registered it",
  promoted: "made it champion, past the gate",
  forced: "made it champion against the gate",
  refused: "asked for it; the gate refused",
  replaced: "put another in its place",
  retired: "retired it",
};
export const outcomeText: Record<GateOutcome, string> = {
  better: "Better",
  fewer_false_alarms: "Fewer false alarms",
  not_shown: "Not shown to be better",
  worse: "Worse",
  not_comparable: "Cannot be compared",
};
export const worstText: Record<WorstReason, string> = {
  missed: "Missed",
  false_alarm: "False alarm",
  wrong_class: "Wrong class",
  misplaced: "Misplaced",
  mixed: "Several things",
};
export const rolloutText: Record<RolloutState, string> = {
  canary: "Canary",
  stages: "In stages",
  done: "Done",
  halted: "Halted",
  returned: "Taken back",
  superseded: "Superseded",
};
export const rolloutMeaning: Record<RolloutState, string> = {
  canary: "One device proves it first.",
  stages: "More and more devices get it.",
  done: "Every device has it; one that comes later gets it too.",
  halted: "No further device gets it.",
  returned: "The devices have their former release back.",
  superseded: "A newer rollout has these devices.",
};
export const rolloutDeviceText: Record<RolloutDeviceState, string> = {
  waiting: "Waits its turn",
  told: "Told",
  fetching: "Fetching",
  verifying: "Checking the signature",
  installing: "Installing",
  warming: "Warming up",
  testing: "Testing itself",
  active: "In use",
  failed: "Failed",
  returning: "Going back",
  returned: "Back on the former",
  left: "Left the rollout",
};
export const rolloutDidText: Record<RolloutHistory["what"], string> = {
  started: "started it",
  told: "told",
  active: "uses it",
  failed: "failed",
  stage: "went on to the next stage",
  done: "finished it",
  halted: "halted it",
  resumed: "resumed it",
  return: "asked for the former release back",
  returned: "is back on its former release",
  left: "left the rollout",
  superseded: "gave way to a newer rollout",
};
export const watchText: Record<WatchState, string> = {
  learning: "Learning",
  steady: "Steady",
  drifted: "Changed",
  silent: "Silent",
};
const seriesNames: Record<string, string> = {
  brightness: "Brightness",
  contrast: "Contrast",
  sharpness: "Sharpness",
  saturation: "Saturation",
  colour_u: "Colour, blue",
  colour_v: "Colour, red",
  score: "Scores",
  classes: "Class mix",
};
/** A series this page does not know yet keeps the hub's word. */
export const seriesText = (name: string): string => seriesNames[name] ?? name;

export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let n = 0;
  let v = bytes;
  while (v >= 1024 && n < units.length - 1) {
    v /= 1024;
    n++;
  }
  return `${v >= 100 || n === 0 ? Math.round(v) : v.toFixed(1)}\u00a0${units[n]}`;
}
/** "1 h", "90 s", "2 d 4 h": a length of time set by somebody. */
export function secondsText(s: number): string {
  const parts: [number, string][] = [
    [Math.floor(s / 86400), "d"],
    [Math.floor((s % 86400) / 3600), "h"],
    [Math.floor((s % 3600) / 60), "min"],
    [Math.floor(s % 60), "s"],
  ];
  const said = parts.filter(([n]) => n > 0).slice(0, 2);
  return said.length ? said.map(([n, u]) => `${n}\u00a0${u}`).join(" ") : `${s.toFixed(0)}\u00a0s`;
}
/** "+0.031", "−0.004": never a bare difference. */
export function signed(value: number, digits = 3): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
/** As many digits as tell values of this size apart. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** "10, 50, 100" → [10, 50, 100]; undefined when it is none that rises to 100. */
export function stagesOf(text: string): number[] | undefined {
  const parts = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  const rises = parts.every((n, at) => Number.isInteger(n) && n > (parts[at - 1] ?? 0));
  return parts.length && parts.length <= 10 && rises && parts[parts.length - 1] === 100
    ? parts
    : undefined;
}
