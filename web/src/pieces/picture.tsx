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
    inner?.style.setProperty("transform",
      `scale(${crop.scale}) translate(${(0.5 - crop.x) * 100}%, ${(0.5 - crop.y) * 100}%)`);
  });
  if (!digest || failed) return <div class="thumb thumb-none" aria-hidden="true" />;
  const width = askWidth(104 * crop.scale, Math.min(2, window.devicePixelRatio || 1));
  return (
    <div class="thumb" ref={frame}>
      <div class="thumb-inner">
        <img src={evidenceUrl(digest, width)} alt="" loading="lazy" decoding="async" onError={() => setFailed(true)} />
        <Vectors boxes={boxes?.slice(0, 1)} severity={severity} />
      </div>
    </div>
  );
}

/** The headline picture. Its place is kept by the known size, so nothing jumps when it arrives. */
export function Picture({ digest, alt, overlay, children }: {
  digest: string; alt: string; overlay: Overlay; children?: ComponentChildren;
}) {
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
      {children}
    </>
  );
}
