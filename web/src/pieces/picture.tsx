// A picture with what was seen drawn over it as vectors: sharp at every size, and switchable.
import type { Box, Point, Severity } from "../contract.gen";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { askWidth, cropAround } from "../logic/crop";
import { evidenceUrl } from "../api/client";
import { percent } from "../logic/words";

export interface Overlay {
  boxes?: readonly Box[] | undefined;
  zone?: readonly Point[] | undefined;
  zoneName?: string;
  severity?: Severity;
  /** What scored less is drawn fainter: seen by the model, not counted by the rule. */
  scoreMin?: number | undefined;
  /** Which way a line was crossed. */
  way?: string | undefined;
  /** How far the first box's foot is from the second box, in words. */
  apart?: string | undefined;
  /** The first box is the event's own. */
  own?: boolean;
}

/** An arrow over the middle of a line; clockwise is about its first point, as the picture is seen. */
function Way({ line, way }: { line: readonly Point[]; way: string | undefined }) {
  const [a, b] = line;
  if (!a || !b || (way !== "clockwise" && way !== "counterclockwise")) return null;
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy) || 1;
  const sign = way === "clockwise" ? 1 : -1;
  const across = { x: (-dy / length) * sign * 5, y: (dx / length) * sign * 5 };
  const along = { x: (dx / length) * 1.6, y: (dy / length) * 1.6 };
  const mid = { x: (a.x + b.x) * 50, y: (a.y + b.y) * 50 };
  const tip = { x: mid.x + across.x, y: mid.y + across.y };
  const neck = { x: mid.x + across.x * 0.45, y: mid.y + across.y * 0.45 };
  const path =
    `M${mid.x - across.x},${mid.y - across.y}L${tip.x},${tip.y}` +
    `M${neck.x - along.x},${neck.y - along.y}L${tip.x},${tip.y}L${neck.x + along.x},${neck.y + along.y}`;
  return (
    <>
      <path class="line-shade" d={path} vector-effect="non-scaling-stroke" />
      <path class="line" d={path} vector-effect="non-scaling-stroke" />
    </>
  );
}

/** From the foot of the first box to the nearest place of the second one's lower edge, 0..1. */
function gap(boxes: readonly Box[]): { from: Point; to: Point } | undefined {
  const [one, other] = [boxes[0]?.box, boxes[1]?.box];
  if (!one || !other) return undefined;
  const from = { x: one.l + one.w / 2, y: Math.min(one.t + one.h, 1) };
  const x = Math.min(Math.max(from.x, other.l), other.l + other.w);
  return { from, to: { x, y: Math.min(other.t + other.h, 1) } };
}

/** Coordinates are 0..100 of the picture; strokes keep their width whatever the size. */
export function Vectors({
  boxes = [],
  zone = [],
  severity = "info",
  scoreMin = 0,
  way,
  apart,
  own = true,
}: Overlay) {
  const points = zone.map((p) => `${p.x * 100},${p.y * 100}`).join(" ");
  const between = apart ? gap(boxes) : undefined;
  return (
    <svg class="vectors" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      {zone.length > 2 && (
        <polygon class="zone" points={points} vector-effect="non-scaling-stroke" />
      )}
      {zone.length === 2 && (
        <>
          <polyline class="line-shade" points={points} vector-effect="non-scaling-stroke" />
          <polyline class="line" points={points} vector-effect="non-scaling-stroke" />
          <Way line={zone} way={way} />
        </>
      )}
      {boxes.map((b, n) => {
        const place = {
          x: b.box.l * 100,
          y: b.box.t * 100,
          width: b.box.w * 100,
          height: b.box.h * 100,
        };
        return (
          <g
            key={n}
            class={
              n === 0 && own
                ? `box main severity-${severity}`
                : b.score < scoreMin
                  ? "box faint"
                  : "box"
            }
          >
            <rect class="box-shade" {...place} vector-effect="non-scaling-stroke" />
            <rect class="box-line" {...place} vector-effect="non-scaling-stroke" />
          </g>
        );
      })}
      {between && (
        <>
          <line class="line-shade" {...ends(between)} vector-effect="non-scaling-stroke" />
          <line class="line distance" {...ends(between)} vector-effect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}

function ends({ from, to }: { from: Point; to: Point }) {
  return { x1: from.x * 100, y1: from.y * 100, x2: to.x * 100, y2: to.y * 100 };
}

/** How far apart, under the line between them. */
function Apart({ boxes = [], apart }: Overlay) {
  const label = useRef<HTMLSpanElement>(null);
  const between = apart ? gap(boxes) : undefined;
  useLayoutEffect(() => {
    if (!between) return;
    label.current?.style.setProperty("left", `${(between.from.x + between.to.x) * 50}%`);
    label.current?.style.setProperty("top", `${Math.max(between.from.y, between.to.y) * 100}%`);
  });
  if (!between) return null;
  return (
    <span class="distance-name num" ref={label}>
      {apart}
    </span>
  );
}

/** Names stand in HTML above the vectors: their size is that of text, not of the picture. */
export function BoxNames({ boxes = [], own = true }: Pick<Overlay, "boxes" | "own">) {
  return (
    <>
      {boxes.slice(0, 12).map((b, n) => (
        <span
          key={n}
          class={`box-name${n === 0 && own ? " main" : ""}${b.box.t < 0.06 ? " inside" : ""}`}
          ref={(el) => place(el, b)}
        >
          {b.class} {percent(b.score)}
        </span>
      ))}
    </>
  );
}
function place(el: HTMLElement | null, b: Box): void {
  el?.style.setProperty("left", `${Math.min(b.box.l, 0.86) * 100}%`);
  el?.style.setProperty("top", `${b.box.t * 100}%`);
}

const AGAIN_MS = [2000, 4000, 8000, 15_000, 30_000];

/** An event comes before its picture: asks again, less and less often, until the picture is there. */
function useAgain(): { round: number; failed: boolean; fail: () => void; again: () => void } {
  const [state, set] = useState({ round: 0, failed: false });
  const again = () => set((s) => ({ round: s.round + 1, failed: false }));
  useEffect(() => {
    if (!state.failed) return;
    const timer = window.setTimeout(again, AGAIN_MS[Math.min(state.round, AGAIN_MS.length - 1)]);
    return () => window.clearTimeout(timer);
  }, [state]);
  return { ...state, fail: () => set((s) => ({ ...s, failed: true })), again };
}

/** An event's own box carries its track; an event about nobody, or about a number, has none. */
export function hasOwn(boxes: readonly Box[] | undefined): boolean {
  return boxes?.[0]?.track !== undefined;
}

export function Thumb({
  digest,
  boxes,
  severity,
}: {
  digest: string | undefined;
  boxes: readonly Box[] | undefined;
  severity: Severity;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const { round, failed, fail } = useAgain();
  const crop = cropAround(boxes?.[0]?.box);
  useLayoutEffect(() => {
    const inner = frame.current?.firstElementChild as HTMLElement | null;
    inner?.style.setProperty("width", `${crop.scale * 100}%`);
    inner?.style.setProperty("height", `${crop.scale * 100}%`);
    inner?.style.setProperty("left", `${(0.5 - crop.x * crop.scale) * 100}%`);
    inner?.style.setProperty("top", `${(0.5 - crop.y * crop.scale) * 100}%`);
  });
  if (!digest || failed) return <div class="thumb thumb-none" aria-hidden="true" />;
  const width = askWidth(112 * crop.scale, Math.min(2, window.devicePixelRatio || 1));
  return (
    <div class="thumb" ref={frame}>
      <div class="thumb-inner">
        <img
          key={round}
          src={evidenceUrl(digest, width)}
          alt=""
          loading="lazy"
          decoding="async"
          onError={fail}
        />
        <Vectors boxes={boxes?.slice(0, 1)} severity={severity} own={hasOwn(boxes)} />
      </div>
    </div>
  );
}

/** Keeps the picture's place by its known size before it arrives, so that nothing jumps. */
export function Stage({
  of,
  children,
}: {
  of: { width?: number; height?: number } | undefined;
  children: ComponentChildren;
}) {
  const stage = useRef<HTMLDivElement>(null);
  useLayoutEffect(() =>
    stage.current?.style.setProperty("aspect-ratio", `${of?.width || 4} / ${of?.height || 3}`),
  );
  return (
    <div class="stage" ref={stage}>
      {children}
    </div>
  );
}

/** The headline picture. */
export function Picture({
  digest,
  alt,
  overlay,
}: {
  digest: string;
  alt: string;
  overlay: Overlay;
}) {
  const [shown, setShown] = useState(false);
  const { round, failed, fail, again } = useAgain();
  return (
    <>
      <img
        key={`${digest}${round}`}
        class={`stage-picture${shown ? " shown" : ""}`}
        alt={alt}
        decoding="async"
        src={evidenceUrl(digest, askWidth(960, Math.min(2, window.devicePixelRatio || 1)))}
        onLoad={() => setShown(true)}
        onError={fail}
      />
      {failed ? (
        <div class="stage-none" role="alert">
          <p>The picture has not arrived yet.</p>
          <p class="quiet">The device may still be sending it; it appears here when it is there.</p>
          <button class="button" type="button" onClick={again}>
            Try again
          </button>
        </div>
      ) : (
        <>
          <Vectors {...overlay} />
          <BoxNames boxes={overlay.boxes} own={overlay.own ?? true} />
          <Apart {...overlay} />
        </>
      )}
    </>
  );
}
