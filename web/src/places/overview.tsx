// Overview: what happened in a period, where the false alarms come from, how fast people were, what was up.
import { useMemo } from "preact/hooks";
import type { Insights } from "../contract.gen";
import { Ago, Asked, Empty, Skeleton } from "../pieces/basics";
import { Download, Overview as OverviewIcon } from "../pieces/icons";
import { Plot, type Colour } from "../pieces/plot";
import { useAsk } from "../state/ask";
import { go, withQuery, type Route } from "../state/route";
import { barsOf } from "../logic/bars";
import { short } from "../logic/time";
import { many, percent, shortDigest } from "../logic/words";
import { secondsText } from "../logic/opswords";
import { csvUrl, watch } from "./watch/hub";

const periods = [
  { days: 1, text: "24 hours" },
  { days: 7, text: "7 days" },
  { days: 30, text: "30 days" },
  { days: 90, text: "90 days" },
] as const;
const DAY_MS = 86_400_000;
const HOUR_S = 3600;

/** from/to in the address are a fixed period; days counts back from now; 7 days without either. */
function periodOf(query: URLSearchParams): { from: number; to: number; days: number | undefined } {
  const from = Date.parse(query.get("from") ?? "");
  const to = Date.parse(query.get("to") ?? "");
  if (Number.isFinite(from))
    return { from, to: Number.isFinite(to) ? to : Date.now(), days: undefined };
  const days = Math.min(400, Number(query.get("days")) || 7);
  return { from: Date.now() - days * DAY_MS, to: Date.now(), days };
}
const asked = (query: URLSearchParams): URLSearchParams => {
  const { from, to } = periodOf(query);
  return new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
  });
};

export function OverviewPlace({ route }: { route: Route }) {
  const key = ["days", "from", "to"].map((k) => route.query.get(k) ?? "").join("|");
  const view = useAsk<Insights>(`insights/${key}`, () => watch.insights(asked(route.query)), [
    "incident",
    "camera",
  ]);
  return (
    <div class="page">
      <header class="page-head">
        <h1 class="place-title">Overview</h1>
        <span class="grow" />
        <Period query={route.query} />
      </header>
      <Asked view={view} what="The figures" waiting={<Skeleton lines={4} tall />}>
        {(i) =>
          i.hours.length || i.uptime.length ? (
            <Figures of={i} />
          ) : (
            <Empty title="Nothing to count yet" art={<OverviewIcon />}>
              <p>
                No incident and no camera in this period. As soon as cameras report, their hours,
                false alarms and uptime add up here.
              </p>
              <a class="button" href="/overview?days=90">
                Look at 90 days
              </a>
            </Empty>
          )
        }
      </Asked>
    </div>
  );
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

function Period({ query }: { query: URLSearchParams }) {
  const { from, to, days } = periodOf(query);
  const set = (name: "from" | "to", value: string) => {
    if (!value) return;
    const next = { from: dayOf(from), to: dayOf(to), [name]: value };
    const end = new Date(Date.parse(next.to) + (name === "to" ? DAY_MS : 0));
    go(
      withQuery(
        "/overview",
        new URLSearchParams({
          from: new Date(Date.parse(next.from)).toISOString(),
          to: end.toISOString(),
        }),
      ),
    );
  };
  return (
    <div class="period">
      <div class="segments" role="group" aria-label="Period">
        {periods.map((p) => (
          <button
            key={p.days}
            type="button"
            class="segment"
            aria-pressed={days === p.days}
            onClick={() => go(`/overview?days=${p.days}`)}
          >
            {p.text}
          </button>
        ))}
      </div>
      <span class="period-days">
        <input
          class="input"
          type="date"
          aria-label="From"
          value={dayOf(from)}
          onChange={(e) => set("from", e.currentTarget.value)}
        />
        <span class="quiet">to</span>
        <input
          class="input"
          type="date"
          aria-label="To"
          value={dayOf(days === undefined ? to - 1 : to)}
          onChange={(e) => set("to", e.currentTarget.value)}
        />
      </span>
    </div>
  );
}

function Figures({ of }: { of: Insights }) {
  const period = new URLSearchParams({ from: of.from, to: of.to });
  return (
    <>
      <Tiles of={of} />
      <Hours of={of} period={period} />
      <div class="compare-wide">
        <FalseAlarms of={of} period={period} />
        <Uptime of={of} period={period} />
      </div>
      <LakeLine of={of} />
    </>
  );
}

function Tiles({ of }: { of: Insights }) {
  const a = of.acknowledge;
  const judged = of.false_alarms.reduce((n, f) => n + f.judged, 0);
  const wrong = of.false_alarms.reduce((n, f) => n + f.false_alarms, 0);
  const live = of.uptime.reduce((n, u) => n + u.live_s, 0);
  const known = of.uptime.reduce((n, u) => n + u.known_s, 0);
  const back = `since=${of.from}&until=${of.to}`;
  return (
    <ul class="tiles">
      <li>
        <a class="tile" href={`/incidents?state=all&${back}`}>
          <span>Incidents</span>
          <strong class="num">{a.incidents.toLocaleString("en")}</strong>
          <span class="quiet num">{a.waiting ? `${a.waiting} still open` : "none open"}</span>
        </a>
      </li>
      <li>
        <a class="tile" href={`/incidents?state=resolved&verdict=false_alarm&${back}`}>
          <span>False alarms</span>
          <strong class="num">{judged ? percent(wrong / judged) : "–"}</strong>
          <span class="quiet num">
            {judged ? `${wrong} of ${many(judged, "verdict")}` : "no verdicts yet"}
          </span>
        </a>
      </li>
      <li>
        <div class="tile">
          <span>Time to acknowledge</span>
          <strong class="num">{a.median_s === undefined ? "–" : secondsText(a.median_s)}</strong>
          <span class="quiet num">
            {a.p90_s === undefined
              ? "none was acknowledged"
              : `9 of 10 within ${secondsText(a.p90_s)}`}
          </span>
        </div>
      </li>
      <li>
        <a class="tile" href="/cameras">
          <span>Cameras with pictures</span>
          <strong class="num">{known ? uptimeText(live / known) : "–"}</strong>
          <span class="quiet num">of the time, {many(of.uptime.length, "camera")}</span>
        </a>
      </li>
    </ul>
  );
}
/** 99.95 % is not 100 %. */
const uptimeText = (rate: number) =>
  rate >= 1 ? "100\u00a0%" : `${(Math.floor(rate * 1000) / 10).toFixed(1)}\u00a0%`;

function Head({ title, period, table }: { title: string; period: URLSearchParams; table: string }) {
  return (
    <div class="card-head">
      <h2>{title}</h2>
      <a class="csv" href={csvUrl(period, table)} download={`vedette-${table}.csv`}>
        <Download />
        CSV
      </a>
    </div>
  );
}

const colours: Colour[] = ["chart-1", "chart-2", "chart-3", "chart-4", "chart-5", "ink-3"];

function Hours({ of, period }: { of: Insights; period: URLSearchParams }) {
  const bars = useMemo(
    () => barsOf(of.hours, Date.parse(of.from), Date.parse(of.to)),
    [of],
  );
  /* Stacked: the tallest is drawn first, each next one over it. */
  const lines = useMemo(
    () =>
      bars.causes
        .map((name, c) => ({
          label: name,
          colour: colours[c] ?? ("ink-3" as Colour),
          kind: "bars" as const,
          values: bars.counts.map((row) => {
            const sum = row.slice(0, c + 1).reduce((a, b) => a + b, 0);
            return sum || null;
          }),
        }))
        .reverse(),
    [bars],
  );
  const pick = (n: number) => {
    const start = bars.x[n];
    if (start === undefined) return;
    const iso = (s: number) => new Date(s * 1000).toISOString();
    go(`/incidents?state=all&since=${iso(start)}&until=${iso(start + bars.stepS)}`);
  };
  const total = of.hours.reduce((n, h) => n + h.incidents, 0);
  return (
    <section class="card" aria-label="Incidents over time">
      <Head
        title={bars.stepS === HOUR_S ? "Incidents by hour and cause" : "Incidents by day and cause"}
        period={period}
        table="hours"
      />
      {total ? (
        <>
          <Plot
            label={`${many(total, "incident")}, by cause: ${bars.causes.map((c, n) => `${c} ${bars.counts.reduce((s, r) => s + (r[n] ?? 0), 0)}`).join(", ")}. Enter on a bar shows its incidents.`}
            time
            x={bars.x}
            xRange={[bars.x[0] ?? 0, (bars.x[bars.x.length - 1] ?? 0) + bars.stepS]}
            lines={lines}
            height={230}
            pick={pick}
            tip={(n) => ({
              head: short((bars.x[n] ?? 0) * 1000, Date.now()),
              rows: [
                ...bars.causes.flatMap((c, k) => {
                  const count = bars.counts[n]?.[k] ?? 0;
                  return count ? [{ colour: colours[k]!, text: `${c}: ${count}` }] : [];
                }),
                ...(bars.wrong[n] ? [{ text: `${many(bars.wrong[n]!, "false alarm")}` }] : []),
              ],
            })}
          />
          <span class="legend">
            {bars.causes.map((c, n) => (
              <span key={c}>
                <i class={`swatch swatch-${colours[n] ?? "ink-3"}`} />
                <bdi>{c}</bdi>
              </span>
            ))}
          </span>
        </>
      ) : (
        <p class="quiet">No incident in this period.</p>
      )}
    </section>
  );
}

function FalseAlarms({ of, period }: { of: Insights; period: URLSearchParams }) {
  const rows = [...of.false_alarms].sort((a, b) => b.rate - a.rate || b.judged - a.judged);
  return (
    <section class="card" aria-label="False alarms">
      <Head title="False alarms by camera and model" period={period} table="false_alarms" />
      {rows.length ? (
        <table class="table rates">
          <thead>
            <tr>
              <th>Camera</th>
              <th>Model</th>
              <th class="right">Of verdicts</th>
              <th class="rate-head">Rate, 95 % interval</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((f) => (
              <tr key={`${f.device}/${f.camera}/${f.model.digest}`}>
                <td class="cell-name">
                  <a
                    href={`/incidents?${new URLSearchParams({ state: "resolved", verdict: "false_alarm", device: f.device, camera: f.camera, since: of.from, until: of.to })}`}
                  >
                    <bdi>{f.camera}</bdi>
                  </a>
                </td>
                <td>
                  <a href={`/models/${f.model.digest}`} title={f.model.digest}>
                    <bdi>{f.model.name}</bdi>{" "}
                    <span class="mono quiet small">{shortDigest(f.model.digest).slice(0, 6)}</span>
                  </a>
                </td>
                <td class="right num">
                  {f.false_alarms} of {f.judged}
                </td>
                <td class="rate">
                  <svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
                    <line class="strip-axis" x1="0" x2="100" y1="6" y2="6" />
                    <rect
                      class="strip-range"
                      x={f.low * 100}
                      width={Math.max(1, (f.high - f.low) * 100)}
                      y="3.5"
                      height="5"
                    />
                    <line
                      class="strip-at"
                      x1={f.rate * 100}
                      x2={f.rate * 100}
                      y1="0.5"
                      y2="11.5"
                    />
                  </svg>
                  <span class="num">
                    {percent(f.rate)}{" "}
                    <span class="quiet">
                      {percent(f.low)}–{percent(f.high)}
                    </span>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="quiet">
          Nobody said of an incident whether it was true. Verdicts on resolving make this table.
        </p>
      )}
    </section>
  );
}

function Uptime({ of, period }: { of: Insights; period: URLSearchParams }) {
  const rows = [...of.uptime].sort((a, b) => a.rate - b.rate);
  return (
    <section class="card" aria-label="Uptime">
      <Head title="Cameras with pictures" period={period} table="uptime" />
      {rows.length ? (
        <table class="table uptimes">
          <tbody>
            {rows.map((u) => (
              <tr key={`${u.device}/${u.camera}`}>
                <td class="cell-name">
                  <a
                    href={`/cameras/${encodeURIComponent(u.device)}/${encodeURIComponent(u.camera)}`}
                  >
                    <bdi>{u.camera}</bdi>
                  </a>{" "}
                  <span class="quiet small">
                    <bdi>{u.device}</bdi>
                  </span>
                </td>
                <td class="meter">
                  <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                    <rect class="bar-ground" width="100" height="6" />
                    <rect
                      class={u.rate < 0.95 ? "bar-short" : "bar-active"}
                      width={u.rate * 100}
                      height="6"
                    />
                  </svg>
                </td>
                <td class="right num">{uptimeText(u.rate)}</td>
                <td class="right num quiet small">
                  {u.rate < 1 ? `${secondsText(Math.max(0, u.known_s - u.live_s))} without` : ""}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="quiet">No camera was known in this period.</p>
      )}
    </section>
  );
}

function LakeLine({ of }: { of: Insights }) {
  const { lake } = of;
  if (!lake.enabled)
    return (
      <p class="quiet small">
        All of it can also be written as files for DuckDB or Spark: set <code>lake</code> in the
        hub's configuration.
      </p>
    );
  return (
    <p class={lake.why ? "warn-text small" : "quiet small"}>
      For DuckDB or Spark: <span class="mono">{lake.path}</span>
      {lake.files !== undefined && <span class="num">, {many(lake.files, "file")}</span>}
      {lake.rows !== undefined && <span class="num">, {many(lake.rows, "row")}</span>}
      {lake.written_at && (
        <>
          , written <Ago at={lake.written_at} suffix=" ago" />
        </>
      )}
      {lake.why && <>. {lake.why}</>}
    </p>
  );
}
