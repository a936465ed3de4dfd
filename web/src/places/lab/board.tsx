// The picture under the hand: zoomed and moved, boxes drawn, moved and resized over it. It knows no hub and no keys;
// what it is told through `commands` (zoom, a new box in sight) comes from whoever hears the keys.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { LabelBox, PoolPicture, Rect } from "../../contract.gen";
import { askWidth } from "../../logic/crop";
import {
  between,
  handles,
  handleSpot,
  hit,
  moved,
  resized,
  type Draft,
  type Handle,
  type Hit,
  type Spot,
} from "../../logic/label";
import { percent } from "../../logic/words";
import { blobUrl } from "./hub";

export interface BoardCommands {
  zoom(by: "in" | "out" | "fit"): void;
  /** a box of fair size in the middle of what is in sight */
  boxInSight(): Rect;
  /** held space: the hand moves the picture instead of drawing */
  pan(on: boolean): void;
}
interface Props {
  one: PoolPicture;
  draft: Draft;
  chosen: number | undefined;
  theirs?: readonly LabelBox[] | undefined;
  boxesShown: boolean;
  may: boolean;
  drawClass: string;
  commands: { current: BoardCommands | undefined };
  choose: (id: number | undefined) => void;
  accept: (n: number) => void;
  draw: (box: Rect) => void;
  change: (id: number, box: Rect) => void;
}

interface View {
  zoom: number;
  x: number;
  y: number;
}
interface Size {
  w: number;
  h: number;
}
const FIT: View = { zoom: 1, x: 0, y: 0 };
const ZOOM_MAX = 16;
const STEP = 1.3;
const CLICK_PX = 4;
const NEAR_PX = 9;
const EDGE_PX = 14;

type Drag =
  | { kind: "pan"; fromX: number; fromY: number; view: View }
  | { kind: "draw"; from: Spot; over: Hit; fromX: number; fromY: number; moved: boolean }
  | { kind: "move"; id: number; from: Spot; box: Rect }
  | { kind: "resize"; id: number; handle: Handle; from: Spot; box: Rect };

function innerOf(size: Size, one: PoolPicture, view: View) {
  const room = { w: Math.max(1, size.w - 2 * EDGE_PX), h: Math.max(1, size.h - 2 * EDGE_PX) };
  const fit = Math.min(room.w / (one.width || 4), room.h / (one.height || 3));
  const w = (one.width || 4) * fit * view.zoom;
  const h = (one.height || 3) * fit * view.zoom;
  return { w, h, l: (size.w - w) / 2 + view.x, t: (size.h - h) / 2 + view.y };
}
/** Some of the picture always stays in sight. */
function kept(view: View, size: Size, one: PoolPicture): View {
  const at = innerOf(size, one, view);
  const spareX = Math.max(0, (at.w - size.w) / 2 + EDGE_PX);
  const spareY = Math.max(0, (at.h - size.h) / 2 + EDGE_PX);
  const hold = (v: number, most: number) => Math.min(most, Math.max(-most, v));
  return { zoom: view.zoom, x: hold(view.x, spareX), y: hold(view.y, spareY) };
}
function zoomed(view: View, by: number, about: Spot, size: Size, one: PoolPicture): View {
  const zoom = Math.min(ZOOM_MAX, Math.max(1, view.zoom * by));
  const ratio = zoom / view.zoom;
  const cx = about.x - size.w / 2;
  const cy = about.y - size.h / 2;
  return kept({ zoom, x: cx - (cx - view.x) * ratio, y: cy - (cy - view.y) * ratio }, size, one);
}

export function Board(props: Props) {
  const { one, draft, chosen, may } = props;
  const board = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>({ w: 800, h: 600 });
  const [view, setView] = useState<View>(FIT);
  const [ghost, setGhost] = useState<{ id?: number; box: Rect }>();
  const [panning, setPanning] = useState(false);
  const [arrived, setArrived] = useState("");
  const drag = useRef<Drag>();
  const fingers = useRef(new Map<number, Spot>());
  const inner = innerOf(size, one, view);
  const now = useRef({ size, view, one, props, inner });
  now.current = { size, view, one, props, inner };

  useLayoutEffect(() => {
    const el = board.current;
    if (!el) return;
    const seen = new ResizeObserver(() => setSize({ w: el.clientWidth, h: el.clientHeight }));
    seen.observe(el);
    setSize({ w: el.clientWidth, h: el.clientHeight });
    return () => seen.disconnect();
  }, []);
  useLayoutEffect(() => {
    setView(FIT);
    setGhost(undefined);
    drag.current = undefined;
  }, [one.picture]);
  useEffect(() => {
    const el = board.current;
    const wheel = (e: WheelEvent) => {
      e.preventDefault();
      const by = Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0016));
      const { size, one } = now.current;
      setView((v) => zoomed(v, by, placeOn(el, e), size, one));
    };
    el?.addEventListener("wheel", wheel, { passive: false });
    return () => el?.removeEventListener("wheel", wheel);
  }, []);
  props.commands.current = {
    zoom: (by) => {
      const { size, one } = now.current;
      const middle = { x: size.w / 2, y: size.h / 2 };
      setView((v) =>
        by === "fit" ? FIT : zoomed(v, by === "in" ? STEP : 1 / STEP, middle, size, one),
      );
    },
    boxInSight: () => {
      const { size, inner } = now.current;
      const x = (size.w / 2 - inner.l) / inner.w;
      const y = (size.h / 2 - inner.t) / inner.h;
      const w = Math.min(0.3, (size.w / inner.w) * 0.2);
      const h = Math.min(0.3, (size.h / inner.h) * 0.2);
      return between({ x: x - w / 2, y: y - h / 2 }, { x: x + w / 2, y: y + h / 2 });
    },
    pan: setPanning,
  };

  const spotOf = (e: { clientX: number; clientY: number }): Spot => {
    const p = placeOn(board.current, e);
    return { x: (p.x - inner.l) / inner.w, y: (p.y - inner.t) / inner.h };
  };
  const near = { x: NEAR_PX / inner.w, y: NEAR_PX / inner.h };

  const down = (e: PointerEvent) => {
    if (e.button > 1) return;
    board.current?.setPointerCapture(e.pointerId);
    fingers.current.set(e.pointerId, placeOn(board.current, e));
    if (fingers.current.size > 1) {
      drag.current = undefined;
      setGhost(undefined);
      return;
    }
    const at = { fromX: e.clientX, fromY: e.clientY };
    const from = spotOf(e);
    const over: Hit = props.boxesShown && may ? hit(draft, chosen, from, near) : { kind: "none" };
    const hand = e.pointerType === "touch";
    if (panning || e.button === 1 || !may) drag.current = { kind: "pan", ...at, view };
    else if (hand) drag.current = { kind: "draw", from, over, ...at, moved: false };
    else if (over.kind === "handle") {
      const box = draft.boxes.find((b) => b.id === over.id)?.box;
      if (box) drag.current = { kind: "resize", id: over.id, handle: over.handle, from, box };
    } else if (over.kind === "box" && !e.shiftKey) {
      const box = draft.boxes.find((b) => b.id === over.id)?.box;
      props.choose(over.id);
      if (box) drag.current = { kind: "move", id: over.id, from, box };
    } else drag.current = { kind: "draw", from, over, ...at, moved: false };
  };
  const move = (e: PointerEvent) => {
    const before = fingers.current.get(e.pointerId);
    if (!before) return point(e);
    const place = placeOn(board.current, e);
    if (fingers.current.size === 2) pinch(e.pointerId, before, place);
    fingers.current.set(e.pointerId, place);
    const d = drag.current;
    if (!d) return;
    if (d.kind === "pan") {
      const v = { ...d.view, x: d.view.x + e.clientX - d.fromX, y: d.view.y + e.clientY - d.fromY };
      setView(kept(v, size, one));
      return;
    }
    const to = spotOf(e);
    if (d.kind === "move")
      setGhost({ id: d.id, box: moved(d.box, to.x - d.from.x, to.y - d.from.y) });
    else if (d.kind === "resize")
      setGhost({ id: d.id, box: resized(d.box, d.handle, to.x - d.from.x, to.y - d.from.y) });
    else {
      d.moved ||= Math.hypot(e.clientX - d.fromX, e.clientY - d.fromY) > CLICK_PX;
      if (!d.moved) return;
      /* A finger looks; it moves the picture and draws nothing. */
      if (e.pointerType === "touch")
        drag.current = { kind: "pan", fromX: d.fromX, fromY: d.fromY, view };
      else setGhost({ box: between(d.from, to) });
    }
  };
  const pinch = (id: number, before: Spot, place: Spot) => {
    const other = [...fingers.current].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const is = Math.hypot(place.x - other.x, place.y - other.y);
    const about = { x: (place.x + other.x) / 2, y: (place.y + other.y) / 2 };
    if (was > 0) setView((v) => zoomed(v, is / was, about, size, one));
  };
  const up = (e: PointerEvent) => {
    fingers.current.delete(e.pointerId);
    const d = drag.current;
    drag.current = undefined;
    const to = spotOf(e);
    setGhost(undefined);
    if (!d || d.kind === "pan") return;
    if (d.kind === "move" && changed(d.from, to))
      props.change(d.id, moved(d.box, to.x - d.from.x, to.y - d.from.y));
    if (d.kind === "resize" && changed(d.from, to))
      props.change(d.id, resized(d.box, d.handle, to.x - d.from.x, to.y - d.from.y));
    if (d.kind !== "draw") return;
    if (d.moved) props.draw(between(d.from, to));
    else if (d.over.kind === "open") props.accept(d.over.n);
    else props.choose(d.over.kind === "box" || d.over.kind === "handle" ? d.over.id : undefined);
  };
  const [cursor, setCursor] = useState("crosshair");
  const point = (e: PointerEvent) => {
    if (e.pointerType === "touch") return;
    setCursor(may ? cursorOf(hit(draft, chosen, spotOf(e), near)) : "grab");
  };

  const boxes = draft.boxes.map((b) => (ghost?.id === b.id ? { ...b, box: ghost.box } : b));
  return (
    <div
      class="board"
      ref={board}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={(e) => {
        fingers.current.delete(e.pointerId);
        drag.current = undefined;
        setGhost(undefined);
      }}
      style={{ cursor: panning ? "grab" : cursor }}
    >
      <div
        class="board-inner"
        style={{
          left: `${inner.l}px`,
          top: `${inner.t}px`,
          width: `${inner.w}px`,
          height: `${inner.h}px`,
        }}
      >
        <img
          key={one.picture}
          class={arrived === one.picture ? "shown" : ""}
          src={blobUrl(
            one.picture,
            one.width > 2560 && view.zoom < 2 ? askWidth(2560, 1) : undefined,
          )}
          alt={`Picture of ${one.camera}`}
          draggable={false}
          onLoad={() => setArrived(one.picture)}
        />
        {props.boxesShown && (
          <svg class="board-marks" width={inner.w} height={inner.h} aria-hidden="true">
            {!draft.verdict &&
              one.wrong?.map((b, n) => (
                <Shape key={`w${n}`} box={b.box} inner={inner} kind="wrong" />
              ))}
            {props.theirs?.map((b, n) => (
              <Shape key={`t${n}`} box={b.box} inner={inner} kind="theirs" />
            ))}
            {draft.open.map((b, n) => (
              <Shape key={`o${n}`} box={b.box} inner={inner} kind="proposed" />
            ))}
            {boxes.map((b) => (
              <Shape
                key={b.id}
                box={b.box}
                inner={inner}
                kind={b.id === chosen ? "said chosen" : "said"}
              />
            ))}
            {ghost && ghost.id === undefined && (
              <Shape box={ghost.box} inner={inner} kind="said chosen" />
            )}
            {boxes
              .filter((b) => b.id === chosen)
              .map((b) => (
                <Handles key={b.id} box={b.box} inner={inner} />
              ))}
          </svg>
        )}
        {props.boxesShown && (
          <Names
            of={[
              ...draft.open.map((b) => ({
                ...b,
                name: `${b.class} ${percent(b.score)}`,
                soft: true,
              })),
              ...boxes.map((b) => ({ ...b, name: b.class, soft: false })),
            ]}
          />
        )}
      </div>
      {view.zoom > 1.01 && <span class="board-zoom num">{view.zoom.toFixed(1)}×</span>}
      {draft.verdict && draft.verdict !== "objects" && (
        <span class={`board-verdict board-${draft.verdict}`}>
          {draft.verdict === "nothing" ? "Nothing here" : "Unusable"}
        </span>
      )}
      {!draft.verdict && !draft.open.length && !draft.boxes.length && may && (
        <span class="board-hint desk-only">
          Draw a {props.drawClass || "box"}, or <kbd>n</kbd> nothing here
        </span>
      )}
    </div>
  );
}

const changed = (a: Spot, b: Spot): boolean => Math.hypot(a.x - b.x, a.y - b.y) > 0.0005;
function placeOn(el: HTMLElement | null, e: { clientX: number; clientY: number }): Spot {
  const r = el?.getBoundingClientRect();
  return { x: e.clientX - (r?.left ?? 0), y: e.clientY - (r?.top ?? 0) };
}
function cursorOf(over: Hit): string {
  if (over.kind === "handle") return `${over.handle}-resize`;
  if (over.kind === "box") return "move";
  return over.kind === "open" ? "pointer" : "crosshair";
}

interface Inner {
  w: number;
  h: number;
}
function Shape({ box, inner, kind }: { box: Rect; inner: Inner; kind: string }) {
  const place = {
    x: box.l * inner.w,
    y: box.t * inner.h,
    width: box.w * inner.w,
    height: box.h * inner.h,
  };
  return (
    <>
      <rect class="mark-shade" {...place} />
      <rect class={`mark-box ${kind}`} {...place} />
    </>
  );
}
function Handles({ box, inner }: { box: Rect; inner: Inner }) {
  return (
    <>
      {handles.map((h) => {
        const at = handleSpot(h);
        return (
          <rect
            key={h}
            class={`board-handle handle-${h}`}
            x={(box.l + at.x * box.w) * inner.w - 4}
            y={(box.t + at.y * box.h) * inner.h - 4}
            width={8}
            height={8}
            rx={2}
          />
        );
      })}
    </>
  );
}
const NAMES_MAX = 40;
function Names({ of }: { of: readonly { box: Rect; name: string; soft: boolean }[] }) {
  return (
    <>
      {of.slice(0, NAMES_MAX).map((b, n) => (
        <span
          key={n}
          class={`board-name${b.soft ? " soft" : ""}${b.box.t < 0.05 ? " inside" : ""}`}
          style={{ left: `${Math.min(b.box.l, 0.94) * 100}%`, top: `${b.box.t * 100}%` }}
        >
          {b.name}
        </span>
      ))}
    </>
  );
}
