// One camera over time: each statistic beside what is usual for it, and the picture before and after.
import { useMemo, useState } from "preact/hooks";
import type { WatchCamera, WatchDetail, WatchSeries } from "../../contract.gen";
import { Asked, Dialog, Empty, FailureBox, Skeleton, useSending, When } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { Plot } from "../../pieces/plot";
import { refresh, useAsk } from "../../state/ask";
import { notice, useApp } from "../../state/app";
import { go, withQuery } from "../../state/route";
import { askWidth } from "../../logic/crop";
import { short } from "../../logic/time";
import { figure, secondsText, seriesText } from "../../logic/opswords";
import { many, percent } from "../../logic/words";
import { blobUrl } from "../lab/hub";
import { watch } from "./hub";
import { Learning, shiftText, watchPath, WatchSign } from "./watch";

const periods = [
  { hours: "24", text: "24 hours" },
  { hours: "", text: "2 days" },
  { hours: "168", text: "7 days" },
  { hours: "720", text: "30 days" },
] as const;

export function WatchedCamera({
  device,
  camera,
  query,
}: {
  device: string;
  camera: string;
  query: URLSearchParams;
}) {
  const hours = query.get("hours") ?? "";
  const view = useAsk<WatchDetail>(
    `watch/${device}/${camera}/${hours}`,
    () => {
      const q = new URLSearchParams();
      if (Number(hours) > 0)
        q.set("from", new Date(Date.now() - Number(hours) * 3600_000).toISOString());
      return watch.camera(device, camera, q);
    },
    ["watch"],
  );
  const back = (
    <a class="back" href="/watch">
      <Back />
      Watch
    </a>
  );
  if (view.error?.status === 404 && !view.data)
    return (
      <div class="page">
        {back}
        <Empty title="No statistics of this camera">
          <p>
            <bdi>{camera}</bdi> on <bdi>{device}</bdi> has not told how its pictures look yet. The
            first window arrives about an hour after its device connects.
          </p>
        </Empty>
      </div>
    );
  return (
    <div class="page">
      {back}
      <Asked view={view} what="Its statistics" waiting={<Skeleton lines={4} tall />}>
        {(one) => <Shown one={one} hours={hours} />}
      </Asked>
    </div>
  );
}

function Shown({ one, hours }: { one: WatchDetail; hours: string }) {
  return (
    <>
      <header class="page-head">
        <h1 class="place-title">
          <bdi>{one.camera}</bdi>{" "}
          <span class="quiet">
            on <bdi>{one.device}</bdi>
          </span>
        </h1>
        <WatchSign of={one.state} />
        <span class="grow" />
        <div class="segments" role="group" aria-label="Period">
          {periods.map((p) => (
            <button
              key={p.hours}
              type="button"
              class="segment"
              aria-pressed={hours === p.hours}
              onClick={() =>
                go(
                  withQuery(
                    watchPath(one),
                    new URLSearchParams(p.hours ? { hours: p.hours } : {}),
                  ),
                  { replace: true },
                )
              }
            >
              {p.text}
            </button>
          ))}
        </div>
      </header>
      <WhatChanged one={one} />
      <BeforeAfter one={one} />
      {one.series.some((s) => s.points.length) ? (
        <div class="series">
          {[...one.series].sort(byChange(one)).map((s) => (
            <SeriesCard key={s.name} of={s} one={one} />
          ))}
        </div>
      ) : (
        <p class="quiet">No window in this period.</p>
      )}
    </>
  );
}

const byChange = (one: WatchCamera) => (a: WatchSeries, b: WatchSeries) => {
  const at = (s: WatchSeries) => {
    const n = one.changes.findIndex((c) => c.series === s.name);
    return n < 0 ? 99 : n;
  };
  return at(a) - at(b);
};

function WhatChanged({ one }: { one: WatchDetail }) {
  const { user } = useApp();
  const [asking, ask] = useState(false);
  const mayChange = user !== null && user?.role !== "viewer";
  return (
    <section class={`card changed changed-${one.state}`} aria-label="What changed">
      <div class="changed-text">
        {one.state === "learning" ? (
          <Learning one={one} />
        ) : (
          <p class="changed-line">{one.text ?? "It looks as its reference does."}</p>
        )}
        {one.changes.length > 0 && (
          <ul class="changes">
            {one.changes.map((c) => (
              <li key={c.series}>
                <strong>{seriesText(c.series)}</strong>{" "}
                <span class="num">
                  {figure(c.was)} → {figure(c.now)}
                </span>{" "}
                <span class="quiet">
                  <span class="num">{shiftText(c.shift)}</span>, since <When at={c.since} />
                </span>
              </li>
            ))}
          </ul>
        )}
        <p class="quiet small">
          Reference: <span class="num">{many(one.reference.windows, "window")}</span> of{" "}
          {secondsText(one.window_s)}
          {one.reference.from && one.reference.to && (
            <>
              , <When at={one.reference.from} /> to <When at={one.reference.to} />
            </>
          )}
          {one.reference.accepted_by && (
            <>
              , taken by <bdi>{one.reference.accepted_by}</bdi>
            </>
          )}
          .
        </p>
      </div>
      <div class="head-actions">
        {one.incident && (
          <a class="button" href={`/incidents/${one.incident}?state=all`}>
            The incident
          </a>
        )}
        {mayChange && one.state !== "learning" && (
          <button type="button" class="button" onClick={() => ask(true)}>
            Take as the new reference
          </button>
        )}
      </div>
      {asking && <Accept one={one} close={() => ask(false)} />}
    </section>
  );
}

function Accept({ one, close }: { one: WatchDetail; close: () => void }) {
  const { busy, failure, send } = useSending();
  const accept = () =>
    send(async () => {
      await watch.accept(one.device, one.camera);
      refresh("watch");
      notice(`${one.camera} learns anew from now on`);
      close();
    });
  return (
    <Dialog title={`Take what ${one.camera} shows now as its reference?`} close={close}>
      <p>
        Right when the change is meant: the camera was moved, a lamp was added. It learns anew from
        its newest window, and a change that goes on is closed. While it learns, nothing is tested.
      </p>
      {failure && <FailureBox failure={failure} />}
      <div class="dialog-foot">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="button primary" disabled={busy} onClick={accept}>
          Take it
        </button>
      </div>
    </Dialog>
  );
}

function BeforeAfter({ one }: { one: WatchDetail }) {
  const before = one.reference.picture;
  if (!before && !one.picture) return null;
  return (
    <div class="before-after">
      <Moment title="As its reference" digest={before} />
      <Moment title="Now" digest={one.picture} at={one.last_window_at} />
    </div>
  );
}
function Moment({
  title,
  digest,
  at,
}: {
  title: string;
  digest: string | undefined;
  at?: string | undefined;
}) {
  const [failed, fail] = useState(false);
  return (
    <figure class="moment">
      {digest && !failed ? (
        <img
          key={digest}
          alt={title}
          src={blobUrl(digest, askWidth(560, Math.min(2, devicePixelRatio || 1)))}
          onError={() => fail(true)}
        />
      ) : (
        <span class="moment-none">{digest ? "The picture is not here." : "No picture was kept."}</span>
      )}
      <figcaption>
        {title}
        {at && (
          <span class="quiet">
            {" "}
            <When at={at} />
          </span>
        )}
      </figcaption>
    </figure>
  );
}

function SeriesCard({ of, one }: { of: WatchSeries; one: WatchDetail }) {
  const change = one.changes.find((c) => c.series === of.name);
  const shown = useMemo(
    () => ({
      x: of.points.map((p) => Date.parse(p.at) / 1000),
      lines: [
        {
          label: seriesText(of.name),
          values: of.points.map((p) => p.mean),
          colour: "chart-1" as const,
        },
      ],
      marked: of.points.map((p) => p.differs === true),
      usual:
        of.low !== undefined && of.high !== undefined
          ? { low: of.low, high: of.high, mean: of.reference_mean }
          : undefined,
    }),
    [of],
  );
  const last = of.points[of.points.length - 1];
  return (
    <section
      class={`card series-card${change ? " series-changed" : ""}`}
      aria-label={seriesText(of.name)}
    >
      <div class="card-head">
        <h2>{seriesText(of.name)}</h2>
        <span class="num quiet small">
          {last && <>now {figure(last.mean)}</>}
          {of.reference_mean !== undefined && <> · usual {figure(of.reference_mean)}</>}
        </span>
      </div>
      {of.points.length ? (
        <Plot
          {...shown}
          label={`${seriesText(of.name)} over time${change ? `: ${change.text}` : ""}. ${last ? `Now ${figure(last.mean)}.` : ""}${shown.usual ? ` Usual: ${figure(shown.usual.low)} to ${figure(shown.usual.high)}.` : ""}`}
          time
          height={150}
          sync="watch"
          tip={(n) => {
            const p = of.points[n]!;
            return {
              head: short(p.at, Date.now()),
              rows: [
                { colour: "chart-1", text: `${figure(p.mean)} ± ${figure(p.sd)}` },
                { text: many(p.pictures, "picture") },
                ...(p.shift === undefined
                  ? []
                  : [{ text: shiftText(p.shift), ...(p.differs ? { colour: "warn" as const } : {}) }]),
              ],
            };
          }}
        />
      ) : (
        <p class="quiet">No window in this period.</p>
      )}
      <Mix of={of} />
    </section>
  );
}

const BINS_SHOWN = 8;
/** The class mix and the scores: what was usual above, what is now below. */
function Mix({ of }: { of: WatchSeries }) {
  if (!of.classes || !of.counts) return null;
  const rows = of.classes
    .map((name, n) => ({
      name,
      now: of.counts?.[n] ?? 0,
      was: of.reference_counts?.[n] ?? 0,
    }))
    .filter((r) => r.now + r.was > 0)
    .sort((a, b) => b.now + b.was - (a.now + a.was))
    .slice(0, BINS_SHOWN);
  if (!rows.length) return null;
  return (
    <table class="table mix">
      <thead>
        <tr>
          <th />
          <th class="right">usual</th>
          <th class="right">now</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((r) => (
          <tr key={r.name}>
            <td>
              <bdi>{r.name}</bdi>
            </td>
            <td class="right num quiet">{percent(r.was)}</td>
            <td class="right num">{percent(r.now)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
