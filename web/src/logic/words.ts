// The words of the contract as people read them.
import type {
  CameraState,
  DeliveryState,
  HistoryEntry,
  IncidentState,
  Severity,
  Verdict,
} from "../contract.gen";

export const verdictText: Record<Verdict, string> = {
  true: "True",
  false_alarm: "False alarm",
  wrong_class: "Wrong class",
  duplicate: "Duplicate",
  not_actionable: "Not actionable",
};
export const verdictMeaning: Record<Verdict, string> = {
  true: "It happened, as told",
  false_alarm: "Nothing was there",
  wrong_class: "Something else was there",
  duplicate: "Told already",
  not_actionable: "True, but nothing to do",
};
export const stateText: Record<IncidentState, string> = {
  open: "Open",
  acknowledged: "Acknowledged",
  resolved: "Resolved",
};
export const severityText: Record<Severity, string> = {
  info: "Info",
  low: "Low",
  medium: "Medium",
  high: "High",
  critical: "Critical",
};
export const cameraText: Record<CameraState, string> = {
  connecting: "Connecting",
  live: "Live",
  silent: "Silent",
  failed: "Failed",
  ended: "Ended",
  unknown: "Unknown",
};
export const deliveryText: Record<DeliveryState, string> = {
  waiting: "Waiting",
  sent: "Sent",
  failed: "Failed",
  suppressed: "Held back",
};
export const historyText: Record<HistoryEntry["what"], string> = {
  opened: "opened it",
  event_joined: "added an event",
  event_ended: "saw it end",
  acknowledged: "acknowledged",
  resolved: "resolved",
  reopened: "took it back",
  notified: "told people",
  note: "noted",
};

/** "device:yard" → "device yard"; people and the hub stay as they are. */
export function whoText(who: string): string {
  return who.startsWith("device:") ? who.slice("device:".length) : who;
}
export function percent(score: number): string {
  return `${Math.round(score * 100)}\u00a0%`;
}
export function many(n: number, one: string, more = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
}
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
