// A label while it is made: boxes, what is still only proposed, and every step so that it can be taken back.
// A draft is never changed in place: the same draft is the same object, which is how "saved" and "as it was" are told.
import type { Box, LabelVerdict, NewLabel, PoolPicture, Rect } from "../contract.gen";

export interface Drawn {
  id: number;
  class: string;
  box: Rect;
  track?: number;
}
export interface Draft {
  verdict: LabelVerdict | undefined;
  boxes: readonly Drawn[];
  /** proposed, neither accepted nor refused yet */
  open: readonly Box[];
  /** of the whole picture */
  class: string | undefined;
}

let lastId = 0;
export const newId = (): number => ++lastId;

/** What a person sees first: the label that stands, or else what is proposed. A refused label is a proposal. */
export function draftOf(one: PoolPicture): Draft {
  const said = one.label;
  if (!said) return { verdict: undefined, boxes: [], open: one.proposals, class: undefined };
  if (one.label_state === "proposed" || one.label_state === "none") {
    const open = said.boxes.map((b) => ({ ...b, score: 1 }));
    return { verdict: undefined, boxes: [], open, class: undefined };
  }
  return {
    verdict: said.verdict,
    boxes: said.boxes.map((b) => ({ ...b, id: newId() })),
    open: [],
    class: said.class,
  };
}

/** What the hub is told; undefined: nothing is said yet. */
export function wireOf(draft: Draft): Omit<NewLabel, "version"> | undefined {
  if (!draft.verdict) return undefined;
  if (draft.verdict !== "objects") return { verdict: draft.verdict };
  return {
    verdict: "objects",
    boxes: draft.boxes.map(({ class: name, box, track }) =>
      track === undefined ? { class: name, box } : { class: name, box, track },
    ),
    ...(draft.class ? { class: draft.class } : {}),
  };
}

function withBoxes(draft: Draft, boxes: readonly Drawn[], open = draft.open): Draft {
  const verdict = boxes.length || draft.class ? "objects" : undefined;
  return { verdict, boxes, open, class: draft.class };
}
const drawn = (b: Box): Drawn => ({
  id: newId(),
  class: b.class,
  box: inside(b.box),
  ...(b.track === undefined ? {} : { track: b.track }),
});

export function acceptOne(draft: Draft, n: number): Draft {
  const one = draft.open[n];
  if (!one) return draft;
  return withBoxes(
    draft,
    [...draft.boxes, drawn(one)],
    draft.open.filter((_, at) => at !== n),
  );
}
export function acceptAll(draft: Draft): Draft {
  if (!draft.open.length) return draft;
  return withBoxes(draft, [...draft.boxes, ...draft.open.map(drawn)], []);
}
export function addBox(draft: Draft, one: Drawn): Draft {
  return withBoxes(draft, [...draft.boxes, one]);
}
export function removeBox(draft: Draft, id: number): Draft {
  return withBoxes(
    draft,
    draft.boxes.filter((b) => b.id !== id),
  );
}
export function changeBox(draft: Draft, id: number, change: Partial<Drawn>): Draft {
  return withBoxes(
    draft,
    draft.boxes.map((b) => (b.id === id ? { ...b, ...change } : b)),
  );
}
export function sayVerdict(draft: Draft, verdict: "nothing" | "unusable"): Draft {
  if (draft.verdict === verdict) return draft;
  return { verdict, boxes: [], open: [], class: undefined };
}
/** Classification: the picture as a whole is of a class; boxes stay. */
export function sayClass(draft: Draft, name: string): Draft {
  return { verdict: "objects", boxes: draft.boxes, open: draft.open, class: name };
}

/** The smallest box that is still one: a thousandth of the picture. */
const LEAST = 0.001;
const hold = (v: number, low = 0, high = 1): number => Math.min(high, Math.max(low, v));
/** Full floats of a drag mean nothing; a hundred-thousandth of the picture is finer than a pixel. */
const round = (v: number): number => Math.round(v * 1e5) / 1e5;

/** A box within the picture, whatever was dragged. */
export function inside({ l, t, w, h }: Rect): Rect {
  const left = hold(l, 0, 1 - LEAST);
  const top = hold(t, 0, 1 - LEAST);
  const right = hold(l + w, left + LEAST, 1);
  const bottom = hold(t + h, top + LEAST, 1);
  return { l: round(left), t: round(top), w: round(right - left), h: round(bottom - top) };
}
export interface Spot {
  x: number;
  y: number;
}
export function between(a: Spot, b: Spot): Rect {
  return inside({
    l: Math.min(a.x, b.x),
    t: Math.min(a.y, b.y),
    w: Math.abs(a.x - b.x),
    h: Math.abs(a.y - b.y),
  });
}
/** Moved as it is: at the picture's edge it stops and keeps its size. */
export function moved({ l, t, w, h }: Rect, dx: number, dy: number): Rect {
  return inside({ l: hold(l + dx, 0, 1 - w), t: hold(t + dy, 0, 1 - h), w, h });
}

export const handles = ["nw", "n", "ne", "e", "se", "s", "sw", "w"] as const;
export type Handle = (typeof handles)[number];
/** Where a handle lies on its box, 0..1. */
export function handleSpot(handle: Handle): Spot {
  return {
    x: handle.includes("w") ? 0 : handle.includes("e") ? 1 : 0.5,
    y: handle.startsWith("n") ? 0 : handle.startsWith("s") ? 1 : 0.5,
  };
}
/** Dragged past its other side it turns over, as a hand expects. */
export function resized({ l, t, w, h }: Rect, handle: Handle, dx: number, dy: number): Rect {
  const at = handleSpot(handle);
  const a = { x: l + (at.x === 0 ? dx : 0), y: t + (at.y === 0 ? dy : 0) };
  const b = { x: l + w + (at.x === 1 ? dx : 0), y: t + h + (at.y === 1 ? dy : 0) };
  return between(a, b);
}

export type Hit =
  | { kind: "handle"; id: number; handle: Handle }
  | { kind: "box"; id: number }
  | { kind: "open"; n: number }
  | { kind: "none" };

const within = (b: Rect, p: Spot): boolean =>
  p.x >= b.l && p.x <= b.l + b.w && p.y >= b.t && p.y <= b.t + b.h;
const area = (b: Rect): number => b.w * b.h;

/** What lies under a spot: a handle of the chosen box first, then the smallest thing there. */
export function hit(draft: Draft, chosen: number | undefined, spot: Spot, near: Spot): Hit {
  const one = draft.boxes.find((b) => b.id === chosen);
  if (one) {
    for (const handle of handles) {
      const at = handleSpot(handle);
      const dx = Math.abs(one.box.l + at.x * one.box.w - spot.x);
      const dy = Math.abs(one.box.t + at.y * one.box.h - spot.y);
      if (dx <= near.x && dy <= near.y) return { kind: "handle", id: one.id, handle };
    }
    if (within(one.box, spot)) return { kind: "box", id: one.id };
  }
  const boxes = draft.boxes.map((b) => ({ hit: { kind: "box", id: b.id } as Hit, box: b.box }));
  const open = draft.open.map((b, n) => ({ hit: { kind: "open", n } as Hit, box: b.box }));
  const found = [...boxes, ...open].filter((c) => within(c.box, spot));
  found.sort((a, b) => area(a.box) - area(b.box));
  return found[0]?.hit ?? { kind: "none" };
}

/** Classes for the number keys and the type-ahead: what is used most first, in an order that then stays. */
export function matching(names: readonly string[], typed: string): string[] {
  const text = typed.trim().toLowerCase();
  if (!text) return [...names];
  const starts = names.filter((n) => n.toLowerCase().startsWith(text));
  const has = names.filter((n) => !starts.includes(n) && n.toLowerCase().includes(text));
  return [...starts, ...has];
}
