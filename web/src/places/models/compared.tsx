// Both reports side by side: the verdict first, then where the difference comes from.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { GateVerdict, Model, Rect, RunDetail } from "../../contract.gen";
import { Asked, FailureBox, Skeleton } from "../../pieces/basics";
import { Plot } from "../../pieces/plot";
import { Stage } from "../../pieces/picture";
import { useAsk } from "../../state/ask";
import { askWidth } from "../../logic/crop";
import { worstText, signed } from "../../logic/opswords";
import { percent } from "../../logic/words";
import { blobUrl } from "../lab/hub";
import { foundIn, labelsIn, models, type Found, type Labelled, type Report } from "./hub";
import { maybeFigure, Verdict } from "./figures";

interface Two {
  one: Model;
  beside: Model;
  mine: Report;
  theirs: Report;
}

export function Compared({
  one,
  beside,
  mine,
  theirs,
}: {
  one: Model;
  beside: Model;
  mine: RunDetail;
  theirs: RunDetail;
}) {
  const [confidence, setConfidence] = useState("0.95");
  const gate = useAsk<GateVerdict>(
    `against/${mine.id}/${theirs.id}/${confidence}`,
    () => models.against(mine.id, theirs.id, confidence),
    [],
  );
  const a = useAsk<Report>(`report/${mine.id}`, () => models.report(mine.id), []);
  const b = useAsk<Report>(`report/${theirs.id}`, () => models.report(theirs.id), []);
  return (
    <>
      <section class="card" aria-label="Is it better?">
        <div class="card-head">
          <h2>Is it better?</h2>
          <label class="field-line">
            <span>Confidence</span>
            <select
              class="input select"
              value={confidence}
              onChange={(e) => setConfidence(e.currentTarget.value)}
            >
              {["0.9", "0.95", "0.99"].map((v) => (
                <option key={v} value={v}>
                  {percent(Number(v))}
                </option>
              ))}
            </select>
          </label>
        </div>
        {gate.error && gate.data === undefined ? (
          <FailureBox failure={gate.error} retry={gate.reload} />
        ) : (
          <Asked view={gate} what="The comparison" waiting={<Skeleton lines={3} />}>
            {(verdict) => <Verdict of={verdict} />}
          </Asked>
        )}
      </section>
      <Asked view={a} what="Its report" waiting={<Skeleton lines={4} tall />}>
        {(own) => (
          <Asked view={b} what="The other's report" waiting={<Skeleton lines={4} tall />}>
            {(other) => (
              <Details two={{ one, beside, mine: own, theirs: other }} runs={[mine, theirs]} />
            )}
          </Asked>
        )}
      </Asked>
    </>
  );
}

function Details({ two, runs }: { two: Two; runs: [RunDetail, RunDetail] }) {
  return (
    <>
      <div class="compare-wide">
        <Curve two={two} />
        <Totals two={two} />
      </div>
      <div class="compare-wide">
        <Slices
          title="By class"
          two={two}
          rows={(r) => r.per_class.map((c) => ({ ...c, name: c.class, value: c.ap50 }))}
        />
        <Slices
          title="By camera"
          two={two}
          rows={(r) => r.per_camera.map((s) => ({ ...s, value: s.map50 }))}
        />
      </div>
      <Worst two={two} runs={runs} />
    </>
  );
}

const nameOf = (m: Model) => `v${m.version}`;

function Curve({ two }: { two: Two }) {
  const x = two.mine.curve.map((p) => p[0] ?? 0);
  const at = (r: Report) => x.map((_, n) => r.curve[n]?.[1] ?? null);
  const lines = useMemo(
    () => [
      {
        label: `${two.beside.name} ${nameOf(two.beside)}`,
        values: at(two.theirs),
        colour: "chart-2" as const,
        dash: true,
      },
      {
        label: `${two.one.name} ${nameOf(two.one)}`,
        values: at(two.mine),
        colour: "chart-1" as const,
      },
    ],
    [two.mine, two.theirs],
  );
  return (
    <section class="card" aria-label="Precision and recall">
      <div class="card-head">
        <h2>Precision and recall</h2>
        <Legend two={two} />
      </div>
      <Plot
        label={`Precision over recall at IoU 0.5. At 50 % recall: ${nameOf(two.one)} ${maybeFigure(lines[1]?.values[50], 2)}, ${nameOf(two.beside)} ${maybeFigure(lines[0]?.values[50], 2)}.`}
        x={x}
        lines={lines}
        xRange={[0, 1]}
        yRange={[0, 1.02]}
        height={260}
        xText={(v) => percent(v)}
        yText={(v) => percent(v)}
        tip={(n) => ({
          head: `recall ${percent(x[n] ?? 0)}`,
          rows: [...lines].reverse().map((l) => ({
            colour: l.colour,
            text: `${l.label}: precision ${maybeFigure(l.values[n], 2)}`,
          })),
        })}
      />
    </section>
  );
}
function Legend({ two }: { two: Two }) {
  return (
    <span class="legend">
      <span>
        <i class="swatch swatch-chart-1" />
        {nameOf(two.one)}
      </span>
      <span>
        <i class="swatch swatch-chart-2 dashed" />
        {nameOf(two.beside)}
      </span>
    </span>
  );
}

function Totals({ two }: { two: Two }) {
  const rows: [string, (r: Report) => number | null, number][] = [
    ["mAP50", (r) => r.map50, 3],
    ["mAP", (r) => r.map, 3],
    ["Recall", (r) => r.recall, 3],
    ["Precision", (r) => r.precision, 3],
    ["False alarms a picture", (r) => r.false_alarms.per_picture, 2],
    ["Threshold", (r) => r.false_alarms.at_score, 2],
    ["Latency, median ms", (r) => r.latency_ms.median, 1],
    ["Latency, 95 % ms", (r) => r.latency_ms.p95, 1],
  ];
  const words = [...new Set([...two.mine.words, ...two.theirs.words])];
  return (
    <section class="card" aria-label="In figures">
      <h2>In figures</h2>
      <table class="table">
        <thead>
          <tr>
            <th />
            <th class="right">{nameOf(two.beside)}</th>
            <th class="right">{nameOf(two.one)}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([title, of, digits]) => (
            <tr key={title}>
              <td>{title}</td>
              <td class="right num">{maybeFigure(of(two.theirs), digits)}</td>
              <td class="right num">{maybeFigure(of(two.mine), digits)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {words.length > 0 && (
        <ul class="said-words">
          {words.map((w) => (
            <li key={w}>{w}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface Row {
  name: string;
  truths: number;
  value: number | null;
}
const ROWS_FIRST = 8;
const LEAST_SCALE = 0.1;

function Slices({
  title,
  two,
  rows,
}: {
  title: string;
  two: Two;
  rows: (r: Report) => Row[];
}) {
  const [all, setAll] = useState(false);
  const before = new Map(rows(two.theirs).map((r) => [r.name, r.value]));
  const own = rows(two.mine)
    .filter((r) => r.truths > 0)
    .sort((x, y) => y.truths - x.truths || x.name.localeCompare(y.name));
  const shown = all ? own : own.slice(0, ROWS_FIRST);
  /* The longest bar is the largest change here, but a small change never looks like a large one. */
  const most = Math.max(
    LEAST_SCALE,
    ...own.map((r) => Math.abs(change(r, before.get(r.name) ?? null) ?? 0)),
  );
  return (
    <section class="card" aria-label={title}>
      <h2>{title}</h2>
      {own.length === 0 ? (
        <p class="quiet">Nothing is labelled in this split.</p>
      ) : (
        <table class="table slices">
          <thead>
            <tr>
              <th />
              <th class="right">Labelled</th>
              <th class="right">{nameOf(two.beside)}</th>
              <th class="right">{nameOf(two.one)}</th>
              <th class="delta-head">Difference</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((r) => (
              <SliceRow key={r.name} row={r} before={before.get(r.name) ?? null} most={most} />
            ))}
          </tbody>
        </table>
      )}
      {own.length > ROWS_FIRST && (
        <button type="button" class="link" onClick={() => setAll(!all)}>
          {all ? "Fewer" : `All ${own.length}`}
        </button>
      )}
    </section>
  );
}
const change = (row: Row, before: number | null): number | null =>
  row.value !== null && before !== null ? row.value - before : null;

function SliceRow({ row, before, most }: { row: Row; before: number | null; most: number }) {
  const delta = change(row, before);
  const share = (Math.abs(delta ?? 0) / most) * 50;
  return (
    <tr>
      <td class="cell-name">
        <bdi>{row.name}</bdi>
      </td>
      <td class="right num quiet">{row.truths.toLocaleString("en")}</td>
      <td class="right num">{maybeFigure(before, 2)}</td>
      <td class="right num">{maybeFigure(row.value, 2)}</td>
      <td class="delta">
        {delta !== null && (
          <>
            <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              <line class="strip-zero" x1="50" x2="50" y1="0" y2="10" />
              <rect
                class={delta < 0 ? "delta-bad" : "delta-good"}
                x={delta < 0 ? 50 - share : 50}
                width={share}
                y="2"
                height="6"
              />
            </svg>
            <span class="num">{signed(delta, 2)}</span>
          </>
        )}
      </td>
    </tr>
  );
}

const WORST_SHOWN = 12;
const layerNames = ["label", "theirs", "mine"] as const;
type Layer = (typeof layerNames)[number];

interface Seen {
  labels: Map<string, Labelled>;
  mine: Map<string, Found[]>;
  theirs: Map<string, Found[]>;
}

function Worst({ two, runs }: { two: Two; runs: [RunDetail, RunDetail] }) {
  const [off, setOff] = useState<ReadonlySet<Layer>>(new Set());
  const [whose, setWhose] = useState<"mine" | "theirs">("mine");
  const worst = two[whose].worst.slice(0, WORST_SHOWN);
  const seen = useSeen(two, runs);
  if (!two.mine.worst.length && !two.theirs.worst.length) return null;
  const flip = (l: Layer) => {
    const next = new Set(off);
    if (!next.delete(l)) next.add(l);
    setOff(next);
  };
  const names: Record<Layer, string> = {
    label: "Labelled",
    theirs: nameOf(two.beside),
    mine: nameOf(two.one),
  };
  return (
    <section class="card" aria-label="Worst pictures">
      <div class="card-head worst-head">
        <h2>Worst pictures</h2>
        <div class="segments" role="group" aria-label="Whose">
          {(["mine", "theirs"] as const).map((w) => (
            <button
              key={w}
              type="button"
              class="segment"
              aria-pressed={whose === w}
              onClick={() => setWhose(w)}
            >
              of {names[w]}
            </button>
          ))}
        </div>
        <span class="grow" />
        {layerNames.map((l) => (
          <button
            key={l}
            type="button"
            class={`switch layer-${l}`}
            aria-pressed={!off.has(l)}
            onClick={() => flip(l)}
          >
            <i />
            {names[l]}
          </button>
        ))}
      </div>
      {seen === "failed" && (
        <p class="warn-text small">The boxes could not be loaded; the pictures are shown bare.</p>
      )}
      <ul class="worst">
        {worst.map((w) => {
          const of = typeof seen === "object" ? seen : undefined;
          const label = of?.labels.get(w.picture);
          return (
            <li key={w.picture}>
              <a href={`/lab/label/${w.picture}`} aria-label={`${worstText[w.reason]}: ${w.why}`}>
                <Stage of={label}>
                  <img
                    class="stage-picture shown"
                    alt=""
                    loading="lazy"
                    decoding="async"
                    src={blobUrl(w.picture, askWidth(360, Math.min(2, devicePixelRatio || 1)))}
                  />
                  <svg class="vectors" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
                    {!off.has("theirs") &&
                      sure(of?.theirs.get(w.picture), two.theirs).map((b, n) => (
                        <Line key={n} of={b.box} layer="theirs" />
                      ))}
                    {!off.has("mine") &&
                      sure(of?.mine.get(w.picture), two.mine).map((b, n) => (
                        <Line key={n} of={b.box} layer="mine" />
                      ))}
                    {!off.has("label") &&
                      label?.boxes.map((b, n) => <Line key={n} of={b.box} layer="label" />)}
                  </svg>
                </Stage>
              </a>
              <p class="worst-why">
                <strong>{worstText[w.reason]}</strong>{" "}
                <span class="quiet">
                  <bdi>{w.camera}</bdi> · {w.why}
                </span>
              </p>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
const sure = (found: Found[] | undefined, r: Report) =>
  (found ?? []).filter((f) => f.score >= r.false_alarms.at_score);

function Line({ of, layer }: { of: Rect; layer: Layer }) {
  const place = { x: of.l * 100, y: of.t * 100, width: of.w * 100, height: of.h * 100 };
  return (
    <g class={`layer layer-${layer}`}>
      <rect class="box-shade" {...place} vector-effect="non-scaling-stroke" />
      <rect class="layer-line" {...place} vector-effect="non-scaling-stroke" />
    </g>
  );
}

function useSeen(two: Two, runs: [RunDetail, RunDetail]): Seen | "failed" | undefined {
  const [seen, set] = useState<Seen | "failed">();
  useEffect(() => {
    let gone = false;
    const wanted = new Set([...two.mine.worst, ...two.theirs.worst].map((w) => w.picture));
    const file = (r: RunDetail) => r.files.find((f) => f.name === "detections.jsonl");
    Promise.all([
      labelsIn(two.mine.dataset, wanted),
      foundIn(file(runs[0]), wanted),
      foundIn(file(runs[1]), wanted),
    ])
      .then(([labels, mine, theirs]) => !gone && set({ labels, mine, theirs }))
      .catch(() => !gone && set("failed"));
    return () => {
      gone = true;
    };
  }, [runs[0].id, runs[1].id]);
  return seen;
}
