// Where an event's thing was while the clip runs.
import type { Place, Rect } from "../contract.gen";

/** Between two places further apart than this nobody saw it: nothing is drawn. */
const GAP_MS = 2500;
/** A moment before its first place and after its last it is still shown there. */
const EDGE_MS = 150;

/** The box at a time counted from the event's start; between two places it lies between them. */
export function placeAt(path: readonly Place[], atMs: number): Rect | undefined {
  const next = path.findIndex((p) => p.at_ms > atMs);
  const before = next < 0 ? path[path.length - 1] : path[next - 1];
  const after = next < 0 ? undefined : path[next];
  if (!before || !after) {
    const edge = before ?? after;
    return edge && Math.abs(edge.at_ms - atMs) <= EDGE_MS ? rect(edge) : undefined;
  }
  const gap = after.at_ms - before.at_ms;
  if (gap > GAP_MS) return undefined;
  const share = (atMs - before.at_ms) / gap;
  const mix = (key: keyof Rect) => before[key] + (after[key] - before[key]) * share;
  return { l: mix("l"), t: mix("t"), w: mix("w"), h: mix("h") };
}
const rect = ({ l, t, w, h }: Place): Rect => ({ l, t, w, h });
