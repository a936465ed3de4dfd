// Incidents of hours, gathered into bars by cause.
import type { InsightsHour } from "../contract.gen";

const HOUR_S = 3600;
const DAY_MS = 86_400_000;
const causeOf = (h: InsightsHour) => (h.kind === "drift" ? "camera changed" : h.rule_id);
const CAUSES = 5;

export interface Bars {
  x: number[];
  stepS: number;
  causes: string[];
  /** per bar and cause */
  counts: number[][];
  wrong: number[];
}
/** Hours up to a week, days beyond: as many bars as can be told apart. The rarest causes are one. */
export function barsOf(hours: InsightsHour[], fromMs: number, toMs: number): Bars {
  const stepS = toMs - fromMs > 8 * DAY_MS ? 24 * HOUR_S : HOUR_S;
  const first = Math.floor(fromMs / 1000 / stepS) * stepS;
  const bars = Math.max(1, Math.ceil((toMs / 1000 - first) / stepS));
  const total = new Map<string, number>();
  for (const h of hours) total.set(causeOf(h), (total.get(causeOf(h)) ?? 0) + h.incidents);
  const ranked = [...total].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const causes = ranked.slice(0, CAUSES);
  if (ranked.length > CAUSES) causes.push("others");
  const counts = Array.from({ length: bars }, () => causes.map(() => 0));
  const wrong = Array.from({ length: bars }, () => 0);
  for (const h of hours) {
    const n = Math.floor((Date.parse(h.at) / 1000 - first) / stepS);
    const row = counts[n];
    if (!row) continue;
    const at = causes.indexOf(causeOf(h));
    const c = at < 0 ? causes.length - 1 : at;
    row[c] = (row[c] ?? 0) + h.incidents;
    wrong[n] = (wrong[n] ?? 0) + h.false_alarms;
  }
  return { x: counts.map((_, n) => first + n * stepS), stepS, causes, counts, wrong };
}
