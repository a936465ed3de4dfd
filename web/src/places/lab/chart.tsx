// Curves. uPlot is fetched when the first one is shown; its place is kept before, so that nothing jumps.
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { lastOf } from "../../logic/labelcurves";

export interface Series {
  title: string;
  /** a colour of the page's tokens */
  color: string;
  values: readonly (number | null)[];
  faint?: boolean;
}
interface Props {
  title: string;
  xTitle: string;
  x: readonly number[];
  /** where the x axis ends: a curve grows into its frame instead of stretching it */
  xEnd?: number | undefined;
  series: readonly Series[];
  /** the y axis begins at 0; with `top` it also ends there */
  top?: number | undefined;
  digits?: number;
  /** a mark on the x axis, with what it says */
  mark?: { at: number; text: string } | undefined;
  scientific?: boolean;
  /** a curve over something else than time has no latest value */
  still?: boolean;
}

type Plot = typeof uPlot;
let loading: Promise<Plot> | undefined;
const HEIGHT_PX = 220;

export function Chart(props: Props) {
  const el = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const [Made, setMade] = useState<Plot>();
  const [failed, fail] = useState(false);
  const [scheme, setScheme] = useState(0);
  useEffect(() => {
    loading ??= import("uplot").then((m) => m.default);
    loading.then(
      (m) => setMade(() => m),
      () => {
        loading = undefined;
        fail(true);
      },
    );
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const turn = () => setScheme((n) => n + 1);
    dark.addEventListener("change", turn);
    return () => dark.removeEventListener("change", turn);
  }, []);
  const shape = `${props.series.map((s) => s.title).join()}|${props.mark?.at}|${props.xEnd}|${scheme}`;
  useEffect(() => {
    const box = el.current;
    if (!Made || !box) return;
    const made = new Made(optionsOf(props, box), dataOf(props), box);
    plot.current = made;
    const seen = new ResizeObserver(() =>
      made.setSize({ width: box.clientWidth, height: HEIGHT_PX }),
    );
    seen.observe(box);
    return () => {
      seen.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [Made, shape]);
  /* A step that is there may get more values: an epoch's end is told with its last step. */
  const filled = props.series.map((s) => s.values.filter((v) => v !== null).length);
  const told = `${props.x.length}|${filled.join()}|${props.series.map((s) => lastOf(s.values)).join()}`;
  useEffect(() => plot.current?.setData(dataOf(props)), [told, shape]);
  const digits = props.digits ?? 3;
  const said = props.series
    .map((s) => {
      const last = lastOf(s.values);
      return last === undefined ? "" : `${s.title} ${last.toFixed(digits)}`;
    })
    .filter(Boolean)
    .join(", ");
  return (
    <figure class="chart" aria-label={`${props.title}: ${said || "nothing measured yet"}`}>
      <figcaption>
        <h3>{props.title}</h3>
        <span class="chart-key">
          {props.series.map((s) => {
            const last = lastOf(s.values);
            return (
              <span key={s.title}>
                <i class={s.faint ? "faint" : ""} style={{ background: `var(${s.color})` }} />
                {s.title}
                {last !== undefined && !props.still && (
                  <span class="num quiet">
                    {props.scientific ? last.toExponential(1) : last.toFixed(digits)}
                  </span>
                )}
              </span>
            );
          })}
        </span>
      </figcaption>
      <div class="chart-box" ref={el}>
        {failed && <p class="quiet">The curves could not be loaded; reload the page.</p>}
        {!failed && props.x.length === 0 && <p class="quiet chart-none">Nothing measured yet</p>}
      </div>
      {props.mark && <p class="quiet small">{props.mark.text}</p>}
    </figure>
  );
}

function dataOf(props: Props): uPlot.AlignedData {
  return [[...props.x], ...props.series.map((s) => [...s.values])] as uPlot.AlignedData;
}

function optionsOf(props: Props, box: HTMLElement): uPlot.Options {
  const css = getComputedStyle(box);
  const color = (name: string) => css.getPropertyValue(name).trim();
  const font = `11px ${color("--font")}`;
  const axis = {
    stroke: color("--ink-3"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font,
    labelFont: font,
    labelGap: 2,
  };
  const digits = props.digits ?? 3;
  return {
    width: box.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: {
        time: false,
        range: (_, low, high) => [Math.min(0, low), Math.max(props.xEnd ?? 0, high, 1e-9)],
      },
      y: { range: (_, __, high) => [0, props.top ?? Math.max(high * 1.08, 1e-9)] },
    },
    series: [
      {},
      ...props.series.map((s) => ({
        stroke: color(s.color),
        width: s.faint ? 1 : 2,
        alpha: s.faint ? 0.45 : 1,
        spanGaps: true,
        points: { show: !s.faint && s.values.filter((v) => v !== null).length < 40, size: 4 },
      })),
    ],
    axes: [
      {
        ...axis,
        label: props.xTitle,
        labelSize: 16,
        size: 24,
        incrs: stepsOf(props),
        values: (_, at) => at.map(short),
      },
      {
        ...axis,
        size: 46,
        values: (_, at) =>
          at.map((v) => (props.scientific && v ? v.toExponential(0) : trim(v, digits))),
      },
    ],
    hooks: { draw: [(u) => drawMark(u, props.mark?.at, color("--good"))] },
  };
}
/** Steps are whole: no axis says "step 0.4". */
const whole = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5];
const parts = [0.1, 0.2, 0.25, 0.5, 1];
const stepsOf = (props: Props): number[] => (props.xTitle === "step" ? whole : parts);
const short = (v: number): string => (Number.isInteger(v) ? v.toLocaleString("en") : String(v));
const trim = (v: number, digits: number): string => String(Number(v.toFixed(digits)));

function drawMark(u: uPlot, at: number | undefined, color: string): void {
  if (at === undefined) return;
  const x = Math.round(u.valToPos(at, "x", true));
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
