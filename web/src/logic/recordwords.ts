// Ranges of a recording that people ask for, in words; and which ranges can be asked for.
import type { Evidence, Media, MediaState } from "../contract.gen";

export const mediaText: Record<MediaState, string> = {
  asked: "Asked for",
  coming: "On its way",
  here: "Here",
  failed: "Not to be had",
  deleted: "Deleted",
};
export const LONGEST_MS = 30 * 60_000;

export interface Range {
  from: number;
  to: number;
}

/** Why these two moments are no range to ask for; undefined when they are. */
export function rangeWrong(
  from: number | undefined,
  to: number | undefined,
  now: number,
): string | undefined {
  if (from === undefined || to === undefined) return "Give both times whole, with their day.";
  if (from >= to) return "The beginning must lie before the end.";
  if (to - from > LONGEST_MS) return "30 minutes at once are the most: ask twice.";
  if (from > now) return "This lies in the future.";
  return undefined;
}

/** An incident with some room before and after it, as far as one wish may reach. */
export function rangeAround(startMs: number, endMs: number | undefined, now: number): Range {
  const from = startMs - ROOM_MS;
  const to = Math.min(Math.max(endMs ?? now, startMs) + ROOM_MS, from + LONGEST_MS);
  return { from, to: Math.max(Math.min(to, now), startMs + 1000) };
}
const ROOM_MS = 30_000;

export function overlaps(one: Pick<Media, "from" | "to">, range: Range): boolean {
  return Date.parse(one.from) < range.to && Date.parse(one.to) > range.from;
}
export function isPending(one: Pick<Media, "state">): boolean {
  return one.state === "asked" || one.state === "coming";
}
/** A device that started again has forgotten what it was asked. */
export function isLate(one: Pick<Media, "state" | "asked_at">, now: number): boolean {
  return one.state === "asked" && now - Date.parse(one.asked_at) > LATE_MS;
}
const LATE_MS = 5 * 60_000;
/** How long to wait before looking again what became of it; 0: nothing more will. */
export function lookEvery(all: readonly Media[], now: number): number {
  const pending = all.filter(isPending);
  if (!pending.length) return 0;
  return pending.every((one) => isLate(one, now)) ? 30_000 : 2000;
}

/** The device has it and keeps it until somebody asks. */
export function isHeld(file: Evidence | undefined): file is Evidence {
  return file?.held === true && file.arrived !== true;
}
