// A picture with what was seen drawn over it as vectors: sharp at every size, and switchable.
import type { Box, Point, Severity } from "../contract.gen";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { askWidth, cropAround } from "../logic/crop";
import { evidenceUrl } from "../api/client";
import { percent } from "../logic/words";

export interface Overlay {
  boxes?: readonly Box[] | undefined;
  zone?: readonly Point[] | undefined;
  zoneName?: string;
  severity?: Severity;
}

/** Coordinates are 0..100 of the picture; strokes keep their width whatever the size. */
export function Vectors({ boxes = [], zone = [], severity = "info" }: Overlay) {
  const points = zone.map((p) => `${p.x * 100},${p.y * 100}`).join(" ");
  return (
    <svg class="vectors" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      {zone.length > 2 && <polygon class="zone" points={points} vector-effect="non-scaling-stroke" />}
      {boxes.map((b, n) => {
        const place = { x: b.box.l * 100, y: b.box.t * 100, width: b.box.w * 100, height: b.box.h * 100 };
        return (
          <g key={n} class={n === 0 ? `box main severity-${severity}` : "box"}>
            <rect class="box-shade" {...place} vector-effect="non-scaling-stroke" />
            <rect class="box-line" {...place} vector-effect="non-scaling-stroke" />
          </g>
        );
      })}
    </svg>
  );
}

/** Names stand in HTML above the vectors: their size is that of text, not of the picture. */
export function BoxNames({ boxes = [] }: { boxes?: readonly Box[] | undefined }) {
  return (
    <>
      {boxes.slice(0, 12).map((b, n) => (
        <span key={n} class={`box-name${n === 0 ? " main" : ""}${b.box.t < 0.06 ? " inside" : ""}`}
          ref={(el) => place(el, b)}>{b.class} {percent(b.score)}</span>
      ))}
    </>
  );
}
function place(el: HTMLElement | null, b: Box): void {
  el?.style.setProperty("left", `${Math.min(b.box.l, 0.86) * 100}%`);
  el?.style.setProperty("top", `${b.box.t * 100}%`);
}

export function Thumb({ digest, boxes, severity }: {
  digest: string | undefined; boxes: readonly Box[] | undefined; severity: Severity;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const [failed, setFailed] = useState(false);
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
        <img src={evidenceUrl(digest, width)} alt="" loading="lazy" decoding="async" onError={() => setFailed(true)} />
        <Vectors boxes={boxes?.slice(0, 1)} severity={severity} />
      </div>
    </div>
  );
}

/** Keeps the picture's place by its known size before it arrives, so that nothing jumps. */
export function Stage({ of, children }: { of: { width?: number; height?: number } | undefined; children: ComponentChildren }) {
  const stage = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => stage.current?.style.setProperty("aspect-ratio", `${of?.width || 4} / ${of?.height || 3}`));
  return <div class="stage" ref={stage}>{children}</div>;
}

/** The headline picture. */
export function Picture({ digest, alt, overlay }: { digest: string; alt: string; overlay: Overlay }) {
  const [seen, set] = useState<"loading" | "shown" | "failed">("loading");
  const [round, again] = useState(0);
  return (
    <>
      <img key={`${digest}${round}`} class={`stage-picture ${seen}`} alt={alt} decoding="async"
        src={evidenceUrl(digest, askWidth(960, Math.min(2, window.devicePixelRatio || 1)))}
        onLoad={() => set("shown")} onError={() => set("failed")} />
      {seen === "failed" ? (
        <div class="stage-none" role="alert">
          <p>The picture did not arrive.</p>
          <p class="quiet">The device may still be sending it.</p>
          <button class="button" type="button" onClick={() => { set("loading"); again(round + 1); }}>Try again</button>
        </div>
      ) : (
        <>
          <Vectors {...overlay} />
          <BoxNames boxes={overlay.boxes} />
        </>
      )}
    </>
  );
}
