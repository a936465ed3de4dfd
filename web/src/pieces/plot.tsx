// A chart: lines, bars and bands over time or over a number. uPlot draws it and is fetched when the first
// chart is shown. A pointer, a finger or the arrow keys read it out; a click or Enter leads to what is behind.
import "uplot/dist/uPlot.min.css";
import type uPlot from "uplot";
import { useEffect, useRef, useState } from "preact/hooks";
import { zoneName } from "../logic/time";

/** The names of tokens.css, without their dashes. */
export type Colour = "accent" | "ink-3" | "ink-2" | "warn" | "bad" | "good" | "line-strong" | `chart-${number}`;
export interface PlotLine {
  label: string;
  values: (number | null)[];
  colour: Colour;
  kind?: "line" | "bars";
  dash?: boolean;
}
export interface PlotProps {
  /** what the chart shows, in a sentence, for who cannot see it */
  label: string;
  x: number[];
  lines: PlotLine[];
  /** x is seconds since 1970, shown in the site's zone */
  time?: boolean;
  xRange?: [number, number];
  yRange?: [number, number];
  yText?: (v: number) => string;
  xText?: (v: number) => string;
  /** Where values usually lie: shaded over the whole width. */
  usual?: { low: number; high: number; mean?: number | undefined } | undefined;
  /** Values of the first line that are marked. */
  marked?: readonly boolean[];
  height?: number;
  /** What is said of one place on the x axis. */
  tip: (idx: number) => { head: string; rows: { colour?: Colour; text: string }[] };
  pick?: ((idx: number) => void) | undefined;
  /** Charts of one name move their cursors together. */
  sync?: string;
}

let library: Promise<typeof uPlot> | undefined;
const loadLibrary = (): Promise<typeof uPlot> => {
  library ??= import("uplot").then((m) => m.default);
  return library;
};
const token = (of: Element, name: string): string =>
  getComputedStyle(of).getPropertyValue(`--${name}`).trim();

const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function Plot(props: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const now = useRef(props);
  now.current = props;
  const [at, setAt] = useState<{ idx: number; left: number }>();
  const [scheme, setScheme] = useState(dark.matches);
  const [failed, setFailed] = useState(false);
  const { height = 180 } = props;
  const shape = props.lines.map((l) => `${l.label}${l.kind}${l.colour}`).join();
  useEffect(() => {
    const turned = () => setScheme(dark.matches);
    dark.addEventListener("change", turned);
    return () => dark.removeEventListener("change", turned);
  }, []);
  useEffect(() => {
    let gone = false;
    loadLibrary()
      .then((Library) => {
        if (gone || !box.current) return;
        plot.current = draw(Library, box.current, now, setAt);
      })
      .catch(() => {
        library = undefined;
        if (!gone) setFailed(true);
      });
    const seen = new ResizeObserver(
      () =>
        plot.current &&
        box.current &&
        plot.current.setSize({ width: box.current.clientWidth, height }),
    );
    if (box.current) seen.observe(box.current);
    return () => {
      gone = true;
      seen.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape, scheme, height, props.time, props.yRange?.join(), props.xRange?.join()]);
  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [props.x, props.lines, props.usual]);
  useEffect(() => box.current?.style.setProperty("height", `${height}px`), [height]);
  const step = (by: number) => {
    const idx = Math.max(0, Math.min(props.x.length - 1, (at?.idx ?? -1) + by));
    const u = plot.current;
    const x = props.x[idx];
    if (!u || x === undefined) return;
    u.setCursor({ left: u.valToPos(x, "x"), top: u.bbox.height / (4 * devicePixelRatio) });
  };
  const keys = (e: KeyboardEvent) => {
    if (e.key === "ArrowRight") step(1);
    else if (e.key === "ArrowLeft") step(-1);
    else if (e.key === "Enter" && at && props.pick) props.pick(at.idx);
    else if (e.key === "Escape") setAt(undefined);
    else return;
    e.preventDefault();
  };
  const said = at && at.idx < props.x.length ? props.tip(at.idx) : undefined;
  return (
    <div class="plot">
      <div
        ref={box}
        class={`plot-box${props.pick ? " plot-picks" : ""}`}
        role="img"
        aria-label={props.label}
        tabIndex={0}
        onKeyDown={keys}
        onBlur={() => setAt(undefined)}
      />
      {failed && <p class="quiet small">The chart could not be loaded; the figures stand below.</p>}
      {said && (
        <div
          class="plot-tip"
          role="status"
          ref={(el) => {
            if (!el || !box.current) return;
            const most = box.current.clientWidth - el.offsetWidth - 4;
            el.style.setProperty("left", `${Math.max(4, Math.min(most, at!.left + 14))}px`);
          }}
        >
          <strong class="num">{said.head}</strong>
          {said.rows.map((r, n) => (
            <span key={n} class="num">
              {r.colour && <i class={`swatch swatch-${r.colour}`} />}
              {r.text}
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

const dataOf = (p: PlotProps): uPlot.AlignedData =>
  [p.x, ...p.lines.map((l) => l.values)] as uPlot.AlignedData;

function draw(
  Library: typeof uPlot,
  el: HTMLElement,
  now: { current: PlotProps },
  setAt: (at: { idx: number; left: number } | undefined) => void,
): uPlot {
  const { time = false, lines, xText, yText, height = 180, xRange, yRange, sync } = now.current;
  const font = `11px ${token(el, "font") || "system-ui"}`;
  const axis = {
    stroke: token(el, "ink-3"),
    font,
    grid: { stroke: token(el, "line"), width: 1 },
    ticks: { show: false },
    border: { show: false },
  };
  const bars = Library.paths.bars!({ size: [0.7, 26], align: time ? 1 : 0, radius: 0.12 });
  const u = new Library(
    {
      width: Math.max(120, el.clientWidth),
      height,
      legend: { show: false },
      padding: [8, 18, 0, 0],
      tzDate: (ts) => Library.tzDate(new Date(ts * 1000), zoneName()),
      cursor: {
        drag: { x: false, y: false },
        y: false,
        points: { size: 7 },
        ...(sync ? { sync: { key: sync } } : {}),
      },
      scales: {
        x: { time, ...(xRange ? { range: xRange } : {}) },
        y: { range: (_u, low, high) => yRange ?? around(now.current, low, high) },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 28,
          space: 64,
          ...(time
            ? { values: timeMarks(Library) }
            : xText
              ? { values: (_u: uPlot, vs: number[]) => vs.map(xText) }
              : {}),
        },
        {
          ...axis,
          size: 46,
          space: 34,
          values: (_u, vs) => (yText ? vs.map(yText) : plainMarks(vs)),
          ...(lines.some((l) => l.kind === "bars")
            ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] }
            : {}),
        },
      ],
      series: [
        {},
        ...lines.map((l) => ({
          label: l.label,
          stroke: token(el, l.colour),
          width: l.kind === "bars" ? 0 : 1.75,
          ...(l.kind === "bars" ? { fill: token(el, l.colour), paths: bars } : {}),
          ...(l.dash ? { dash: [5, 4] } : {}),
          points: { show: l.kind !== "bars" && now.current.x.length < 3, size: 6 },
          spanGaps: false,
        })),
      ],
      hooks: {
        drawClear: [(u) => shadeUsual(u, el, now.current)],
        draw: [(u) => markDiffering(u, el, now.current)],
        setCursor: [
          (u) => {
            const { idx, left } = u.cursor;
            setAt(
              idx === null || idx === undefined || left === undefined || left < 0
                ? undefined
                : { idx, left: left + u.bbox.left / devicePixelRatio },
            );
          },
        ],
      },
    },
    dataOf(now.current),
    el,
  );
  u.over.addEventListener("click", () => {
    const { idx } = u.cursor;
    if (idx !== null && idx !== undefined) now.current.pick?.(idx);
  });
  return u;
}

/** Room above and below what is shown and what is usual; zero stays in when it is near. */
function around(p: PlotProps, low: number, high: number): [number, number] {
  const all = [low, high, p.usual?.low, p.usual?.high].filter(
    (v): v is number => typeof v === "number" && Number.isFinite(v),
  );
  if (!all.length) return [0, 1];
  const least = Math.min(...all);
  const most = Math.max(...all);
  if (p.lines.some((l) => l.kind === "bars")) return [0, Math.max(1, most * 1.12)];
  const room = (most - least || Math.abs(most) || 1) * 0.14;
  return [least >= 0 && least - room < 0 ? 0 : least - room, most + room];
}

/** As many digits as tell one mark from the next. */
function plainMarks(marks: number[]): string[] {
  const step = Math.abs((marks[1] ?? 1) - (marks[0] ?? 0)) || 1;
  const digits = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step) - 1e-9)));
  return marks.map((v) =>
    v.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
}

/** "14:00", and the day where it turns. */
function timeMarks(Library: typeof uPlot) {
  const minute = Library.fmtDate("{HH}:{mm}");
  const second = Library.fmtDate("{HH}:{mm}:{ss}");
  const day = Library.fmtDate("{D} {MMM}");
  return (_u: uPlot, marks: number[], _axis: number, _space: number, step: number): string[] => {
    let last = "";
    const hour = step < 60 ? second : minute;
    return marks.map((ts) => {
      const date = Library.tzDate(new Date(ts * 1000), zoneName());
      const said = day(date);
      const turned = said !== last && (step >= 86400 || (last !== "" && date.getHours() === 0));
      last = said;
      return turned || step >= 86400 ? said : hour(date);
    });
  };
}

function shadeUsual(u: uPlot, el: HTMLElement, p: PlotProps): void {
  if (!p.usual) return;
  const top = u.valToPos(p.usual.high, "y", true);
  const bottom = u.valToPos(p.usual.low, "y", true);
  u.ctx.save();
  u.ctx.fillStyle = token(el, "chart-usual");
  u.ctx.fillRect(u.bbox.left, top, u.bbox.width, Math.max(1, bottom - top));
  if (p.usual.mean !== undefined) {
    const y = u.valToPos(p.usual.mean, "y", true);
    u.ctx.strokeStyle = token(el, "ink-3");
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    u.ctx.beginPath();
    u.ctx.moveTo(u.bbox.left, y);
    u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

/** A square, not only a colour. */
function markDiffering(u: uPlot, el: HTMLElement, p: PlotProps): void {
  const values = p.lines[0]?.values;
  if (!p.marked || !values) return;
  const side = 7 * devicePixelRatio;
  u.ctx.save();
  u.ctx.fillStyle = token(el, "warn");
  p.marked.forEach((yes, n) => {
    const value = values[n];
    const x = p.x[n];
    if (!yes || typeof value !== "number" || x === undefined) return;
    u.ctx.fillRect(
      u.valToPos(x, "x", true) - side / 2,
      u.valToPos(value, "y", true) - side / 2,
      side,
      side,
    );
  });
  u.ctx.restore();
}
