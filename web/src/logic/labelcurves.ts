// A run's points as columns, and what a person reads off the curves.
import type { RunPoint } from "../contract.gen";

export interface Columns {
  steps: number[];
  /** a series a name; null where nothing was measured at that step */
  of: Record<string, (number | null)[]>;
}

export function columnsOf(points: readonly RunPoint[], names: readonly string[]): Columns {
  const used = points.filter((p) => names.some((n) => p.values[n] !== undefined));
  const of = Object.fromEntries(names.map((n) => [n, used.map((p) => p.values[n] ?? null)]));
  return { steps: used.map((p) => p.step), of };
}

/** Where the validation was best: the model that is kept is the one of that step. */
export function bestStep(points: readonly RunPoint[], name: string): number | undefined {
  let best: RunPoint | undefined;
  for (const p of points) {
    const value = p.values[name];
    if (value !== undefined && (!best || value > (best.values[name] ?? -Infinity))) best = p;
  }
  return best?.step;
}

export function lastOf(column: readonly (number | null)[]): number | undefined {
  for (let n = column.length - 1; n >= 0; n--) {
    const value = column[n];
    if (value !== null && value !== undefined) return value;
  }
  return undefined;
}

/** How long it will still take, by what it took so far; undefined while that says nothing. */
export function leftMs(step: number, steps: number, ranMs: number): number | undefined {
  if (step < 1 || steps <= step || ranMs < 2000) return undefined;
  return (ranMs / step) * (steps - step);
}
