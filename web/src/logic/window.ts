// A windowed list: which rows of many are drawn.
export interface Window {
  first: number;
  end: number;
}
const SPARE_ROWS = 6;

export function windowOf(count: number, rowPx: number, topPx: number, heightPx: number): Window {
  if (rowPx <= 0) return { first: 0, end: Math.min(count, 20) };
  const first = Math.max(0, Math.floor(topPx / rowPx) - SPARE_ROWS);
  const end = Math.min(count, Math.ceil((topPx + heightPx) / rowPx) + SPARE_ROWS);
  return { first: Math.min(first, end), end };
}
/** Rows added above push the view down by as much, so what is read stays where it is. */
export function keptTop(
  before: readonly string[],
  after: readonly string[],
  rowPx: number,
  topPx: number,
): number {
  const at = Math.floor(topPx / rowPx);
  const anchor = before[at];
  if (topPx < rowPx / 2 || anchor === undefined) return topPx;
  const now = after.indexOf(anchor);
  return now < 0 ? topPx : topPx + (now - at) * rowPx;
}
