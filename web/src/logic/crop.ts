// Which part of a picture a small one shows: around the main box, so that a person far away is still seen.
import type { Rect } from "../contract.gen";

export interface Crop {
  scale: number;
  /** the picture's point at the middle, 0..1 */
  x: number;
  y: number;
}

const BOX_SHARE = 0.42;
const SCALE_MAX = 3;

/** The larger side of the box fills about two fifths; the crop never leaves the picture. */
export function cropAround(box: Rect | undefined): Crop {
  if (!box || !(box.w > 0) || !(box.h > 0)) return { scale: 1, x: 0.5, y: 0.5 };
  const scale = Math.min(SCALE_MAX, Math.max(1, BOX_SHARE / Math.max(box.w, box.h)));
  const half = 0.5 / scale;
  const hold = (v: number) => Math.min(1 - half, Math.max(half, v));
  return { scale, x: hold(box.l + box.w / 2), y: hold(box.t + box.h / 2) };
}

/** The width to ask for: what is shown, in device pixels, in steps that share a cache. */
export function askWidth(cssPx: number, ratio: number): number {
  const steps = [160, 320, 480, 640, 960, 1280, 1920, 2560, 4096];
  const wanted = cssPx * ratio;
  return steps.find((s) => s >= wanted) ?? 4096;
}
