// The clip, stepped by frame. The bar counts from the event's start: −5 s ──●──── +9 s.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren, RefObject } from "preact";
import type { Event, Evidence, Place, Rect, Severity } from "../contract.gen";
import { evidenceUrl } from "../api/client";
import { placeAt } from "../logic/path";
import { offset } from "../logic/time";
import { Pause, Play, StepBack, StepOn } from "./icons";
import { keysOf } from "./keys";
import { Stage } from "./picture";

const FRAME_GUESS_S = 0.1;

/** Learns the time between two pictures while they are shown; the file does not say it to a page. */
function useFrameTime(
  video: RefObject<HTMLVideoElement>,
): RefObject<{ frameS: number; shownS: number }> {
  const known = useRef({ frameS: FRAME_GUESS_S, shownS: 0 });
  useEffect(() => {
    const el = video.current;
    if (!el || !("requestVideoFrameCallback" in el)) return;
    let handle = 0;
    const see: VideoFrameRequestCallback = (_, meta) => {
      const step = meta.mediaTime - known.current.shownS;
      if (!el.paused && step > 0.005 && step < 0.5) known.current.frameS = step;
      known.current.shownS = meta.mediaTime;
      handle = el.requestVideoFrameCallback(see);
    };
    handle = el.requestVideoFrameCallback(see);
    return () => el.cancelVideoFrameCallback(handle);
  }, []);
  return known;
}

/** The event's own box, moved with each picture that is shown: drawn by hand, the page is not redrawn. */
function MovingBox({
  video,
  path,
  fromMs,
  severity,
}: {
  video: RefObject<HTMLVideoElement>;
  path: readonly Place[];
  fromMs: number;
  severity: Severity;
}) {
  const box = useRef<SVGGElement>(null);
  useEffect(() => {
    const el = video.current;
    if (!el) return;
    const draw = (atS: number) => moveTo(box.current, placeAt(path, atS * 1000 + fromMs));
    let handle = 0;
    const see: VideoFrameRequestCallback = (_, meta) => {
      draw(meta.mediaTime);
      handle = el.requestVideoFrameCallback(see);
    };
    handle = el.requestVideoFrameCallback(see);
    draw(el.currentTime);
    return () => el.cancelVideoFrameCallback(handle);
  }, [path, fromMs]);
  return (
    <svg class="vectors" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      <g ref={box} class={`box main severity-${severity}`}>
        <rect class="box-shade" vector-effect="non-scaling-stroke" />
        <rect class="box-line" vector-effect="non-scaling-stroke" />
      </g>
    </svg>
  );
}
function moveTo(box: SVGGElement | null, at: Rect | undefined): void {
  if (!box) return;
  box.toggleAttribute("hidden", !at);
  const sides = at && { x: at.l, y: at.t, width: at.w, height: at.h };
  for (const rect of sides ? box.children : [])
    for (const [name, share] of Object.entries(sides ?? {}))
      rect.setAttribute(name, String(share * 100));
}

export function Clip({
  clip,
  event,
  boxes,
  children,
}: {
  clip: Evidence;
  event: Event;
  boxes: boolean;
  children?: ComponentChildren;
}) {
  const video = useRef<HTMLVideoElement>(null);
  const known = useFrameTime(video);
  const [state, set] = useState({ at: 0, long: 0, playing: false, failed: false });
  const zeroS = (Date.parse(event.start) - Date.parse(clip.start)) / 1000; // below 0: the clip began after it
  const read = () => {
    const el = video.current;
    if (el)
      set({
        at: el.currentTime,
        long: Number.isFinite(el.duration) ? el.duration : 0,
        playing: !el.paused,
        failed: false,
      });
  };
  const toggle = () => {
    const el = video.current;
    if (!el) return;
    if (el.paused) void el.play().catch(() => undefined);
    else el.pause();
  };
  const step = (frames: 1 | -1) => {
    const el = video.current;
    if (!el) return;
    el.pause();
    const { frameS, shownS } = known.current ?? { frameS: FRAME_GUESS_S, shownS: el.currentTime };
    el.currentTime = Math.min(el.duration || 0, Math.max(0, shownS + frames * frameS + frameS / 4));
  };
  useEffect(() => keysOf({ ",": () => step(-1), ".": () => step(1), p: toggle }), []);
  if (state.failed) {
    return (
      <Stage of={clip}>
        <div class="stage-none" role="alert">
          <p>The clip cannot be played here.</p>
          <p class="quiet">
            <a href={`${evidenceUrl(clip.digest)}?download=1`} download>
              Save it as a file
            </a>{" "}
            and open it with a player.
          </p>
        </div>
      </Stage>
    );
  }
  return (
    <>
      <Stage of={clip}>
        <video
          ref={video}
          class="stage-picture shown"
          src={evidenceUrl(clip.digest)}
          playsInline
          muted
          preload="auto"
          aria-label="Clip of the event"
          onLoadedMetadata={() => {
            read();
            void video.current?.play().catch(() => undefined);
          }}
          onTimeUpdate={read}
          onPlay={read}
          onPause={read}
          onSeeked={read}
          onEnded={read}
          onClick={toggle}
          onError={() => set((s) => ({ ...s, failed: true }))}
        />
        {children}
        {boxes && event.path && (
          <MovingBox
            video={video}
            path={event.path}
            fromMs={Date.parse(clip.start) - Date.parse(event.start)}
            severity={event.severity}
          />
        )}
      </Stage>
      <Transport
        {...state}
        zero={zeroS}
        toggle={toggle}
        step={step}
        seek={(to) => {
          if (video.current) video.current.currentTime = to;
        }}
      />
    </>
  );
}

function Transport({
  at,
  long,
  playing,
  zero,
  toggle,
  step,
  seek,
}: {
  at: number;
  long: number;
  playing: boolean;
  zero: number;
  toggle: () => void;
  step: (frames: 1 | -1) => void;
  seek: (to: number) => void;
}) {
  return (
    <div class="transport" role="group" aria-label="Clip">
      <button
        type="button"
        class="icon-button"
        onClick={toggle}
        aria-label={playing ? "Pause" : "Play"}
        title="p"
      >
        {playing ? <Pause /> : <Play />}
      </button>
      <button
        type="button"
        class="icon-button"
        onClick={() => step(-1)}
        aria-label="Frame back"
        title=","
      >
        <StepBack />
      </button>
      <button
        type="button"
        class="icon-button"
        onClick={() => step(1)}
        aria-label="Frame on"
        title="."
      >
        <StepOn />
      </button>
      <div class="scrub">
        <svg class="scrub-mark" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
          {long > 0 && zero >= 0 && (
            <line
              x1={(zero / long) * 100}
              x2={(zero / long) * 100}
              y1="0"
              y2="10"
              vector-effect="non-scaling-stroke"
            />
          )}
        </svg>
        <input
          type="range"
          min="0"
          max={long || 1}
          step="0.01"
          value={at}
          aria-label="Place in the clip"
          aria-valuetext={`${offset(at - zero)} from the start of the event`}
          onInput={(e) => seek(Number(e.currentTarget.value))}
        />
      </div>
      <output class="num scrub-time" title="from the start of the event">
        {offset(at - zero)}
      </output>
    </div>
  );
}
