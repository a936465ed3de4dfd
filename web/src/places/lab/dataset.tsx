// One dataset: is it balanced, what does it cover, what is weak, how often was its test split used.
import type { Dataset, DatasetDiff, DatasetReport } from "../../contract.gen";
import { Ago, Asked, Skeleton } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { go } from "../../state/route";
import { many, shortDigest } from "../../logic/words";
import { splitText } from "../../logic/labelwords";
import { blobUrl, exportUrl, lab } from "./hub";
import { missingIn, SplitBar, SplitKey, sum } from "./bars";
import { Warnings } from "./newdataset";

export function DatasetPlace({
  digest,
  against,
  all,
}: {
  digest: string;
  against: string | null;
  all: readonly Dataset[] | undefined;
}) {
  const view = useAsk<DatasetReport>(`dataset/${digest}`, () => lab.datasetReport(digest), ["run"]);
  return (
    <div class="page">
      <a class="back" href="/lab/datasets">
        <Back />
        Datasets
      </a>
      <Asked view={view} what="The report" waiting={<Skeleton lines={4} tall />}>
        {(report) => (
          <>
            <Head report={report} />
            <Warnings of={report.warnings} />
            <div class="report-cols">
              <Splits report={report} />
              <Hours report={report} />
              <Classes report={report} />
              <Cameras report={report} />
            </div>
            <Diff digest={digest} against={against} all={all} />
          </>
        )}
      </Asked>
    </div>
  );
}

function Head({ report }: { report: DatasetReport }) {
  const d = report.dataset;
  return (
    <header class="page-head">
      <h2 class="place-title">
        <bdi>{d.name}</bdi>
      </h2>
      <span class="mono quiet" title={d.digest}>
        {shortDigest(d.digest)}
      </span>
      <span class="quiet">
        {d.task === "classification" ? "classification" : "detection"} ·{" "}
        <span class="num">{many(d.pictures, "picture")}</span>
        {d.task === "detection" && (
          <>
            , <span class="num">{many(d.boxes, "box", "boxes")}</span>
          </>
        )}{" "}
        · <Ago at={d.made_at} suffix=" ago" /> by <bdi>{d.made_by}</bdi>
      </span>
      <span class="grow" />
      <a class="button small" href={exportUrl(d.digest, "coco")} download>
        Export COCO
      </a>
      <a class="button small" href={exportUrl(d.digest, "yolo")} download>
        YOLO
      </a>
      <a class="button small primary" href={`/lab/runs/new?dataset=${d.digest}`}>
        Train with it
      </a>
    </header>
  );
}

function Splits({ report }: { report: DatasetReport }) {
  return (
    <section class="card" aria-label="Splits">
      <h2>Splits</h2>
      <div class="table-scroll">
        <table class="lab-table">
          <thead>
            <tr>
              <th scope="col">Split</th>
              <th scope="col">Pictures</th>
              <th scope="col">Boxes</th>
              <th scope="col">Empty</th>
              <th scope="col">Groups</th>
              <th scope="col">Used</th>
            </tr>
          </thead>
          <tbody>
            {report.splits.map((s) => (
              <tr key={s.split}>
                <th scope="row">
                  <i class={`split-dot split-${s.split}`} />
                  {splitText[s.split]}
                </th>
                <td>{s.pictures}</td>
                <td>{s.boxes}</td>
                <td>{s.empty}</td>
                <td>{s.groups}</td>
                <td title={s.last_used_at}>{s.uses}×</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <TestUses report={report} />
    </section>
  );
}
const USES_MANY = 10;
function TestUses({ report }: { report: DatasetReport }) {
  const test = report.splits.find((s) => s.split === "test");
  if (!test) return null;
  return (
    <p class={`small ${test.uses >= USES_MANY ? "warn-text" : "quiet"}`}>
      {test.uses === 0
        ? "Nothing was measured on its test split yet."
        : test.uses >= USES_MANY
          ? `Its test split was used ${test.uses} times: choosing by it again and again fits to it. Make a version with new pictures.`
          : "The less often a test split is used, the more its figures are worth."}
    </p>
  );
}

interface BarRow {
  name: string;
  of: { train: number; val: number; test: number };
}
function BarTable({ rows, unit }: { rows: readonly BarRow[]; unit: string }) {
  const most = Math.max(1, ...rows.map((r) => sum(r.of)));
  return (
    <ul class="bar-table">
      {rows.map((r) => (
        <li key={r.name}>
          <span class="bar-name">
            <bdi>{r.name}</bdi>
            <span class="warn-text small">{missingIn(r.of)}</span>
          </span>
          <SplitBar of={r.of} most={most} />
          <span class="num quiet" title={unit}>
            {sum(r.of).toLocaleString("en")}
          </span>
        </li>
      ))}
    </ul>
  );
}
function Classes({ report }: { report: DatasetReport }) {
  const whole = report.dataset.task === "classification";
  return (
    <section class="card" aria-label="Classes">
      <h2 class="card-head">
        Classes, by {whole ? "pictures" : "boxes"}
        <SplitKey />
      </h2>
      <BarTable
        unit={whole ? "pictures" : "boxes"}
        rows={report.classes.map((c) => ({ name: c.class, of: whole ? c.pictures : c.boxes }))}
      />
    </section>
  );
}
function Cameras({ report }: { report: DatasetReport }) {
  return (
    <section class="card" aria-label="Cameras">
      <h2>Cameras, by pictures</h2>
      <BarTable
        unit="pictures"
        rows={report.cameras.map((c) => ({ name: c.camera, of: c.pictures }))}
      />
    </section>
  );
}

/** Twenty-four hours, also the empty ones: what a model never saw is what it will not know. */
function Hours({ report }: { report: DatasetReport }) {
  const by = new Map(report.hours.map((h) => [h.hour, h.pictures]));
  const most = Math.max(1, ...report.hours.map((h) => sum(h.pictures)));
  const empty = 24 - report.hours.filter((h) => sum(h.pictures) > 0).length;
  return (
    <section class="card" aria-label="Hours">
      <h2>Hours of the day, UTC</h2>
      <ol class="hours">
        {Array.from({ length: 24 }, (_, hour) => {
          const of = by.get(hour) ?? { train: 0, val: 0, test: 0 };
          return (
            <li key={hour} title={`${hour}:00, ${many(sum(of), "picture")}`}>
              <span class="hour-bars">
                {(["test", "val", "train"] as const).map((s) => (
                  <i key={s} class={`split-${s}`} style={{ height: `${(100 * of[s]) / most}%` }} />
                ))}
              </span>
              <span class="hour-name num">{hour % 6 === 0 ? hour : ""}</span>
            </li>
          );
        })}
      </ol>
      <p class="quiet small">
        {empty > 0
          ? `${many(empty, "hour")} without a picture: the model has not seen their light.`
          : "Every hour has pictures."}
      </p>
    </section>
  );
}

function Diff({
  digest,
  against,
  all,
}: {
  digest: string;
  against: string | null;
  all: readonly Dataset[] | undefined;
}) {
  const others = all?.filter((d) => d.digest !== digest) ?? [];
  const view = useAsk<DatasetDiff>(
    against ? `dataset/${against}/diff/${digest}` : null,
    () => lab.datasetDiff(against ?? "", digest),
    [],
  );
  if (!others.length) return null;
  const from = others.find((d) => d.digest === against);
  return (
    <section class="card" aria-label="Difference">
      <div class="card-head diff-head">
        <h2>What changed since</h2>
        <select
          class="input select"
          aria-label="Compare with"
          value={against ?? ""}
          onChange={(e) => {
            const to = e.currentTarget.value;
            go(`/lab/datasets/${digest}${to ? `?against=${to}` : ""}`, { replace: true });
          }}
        >
          <option value="">Choose a version</option>
          {others.map((d) => (
            <option key={d.digest} value={d.digest}>
              {d.name} {shortDigest(d.digest)}, {d.pictures} pictures
            </option>
          ))}
        </select>
      </div>
      {against && (
        <Asked view={view} what="The difference" waiting={<Skeleton lines={2} />}>
          {(diff) => <DiffParts diff={diff} from={from} />}
        </Asked>
      )}
    </section>
  );
}
const PICTURES_MAX = 12;
function DiffParts({ diff, from }: { diff: DatasetDiff; from: Dataset | undefined }) {
  const parts = [
    { title: "Added", of: diff.added },
    { title: "Removed", of: diff.removed },
    { title: "Labelled otherwise", of: diff.relabelled },
    { title: "In another split", of: diff.moved },
  ].filter((p) => p.of.length);
  return (
    <div class="diff">
      <p class="quiet">
        <span class="num">{many(diff.same, "picture")}</span> as in{" "}
        <bdi>{from?.name ?? shortDigest(diff.from)}</bdi>
        {parts.length === 0 && "; nothing else"}.
      </p>
      {parts.map((p) => (
        <div key={p.title}>
          <h3>
            {p.title} <span class="num quiet">{p.of.length.toLocaleString("en")}</span>
          </h3>
          <Strip pictures={p.of.slice(0, PICTURES_MAX)} />
        </div>
      ))}
    </div>
  );
}
export function Strip({ pictures }: { pictures: readonly string[] }) {
  return (
    <ul class="strip-pictures">
      {pictures.map((id) => (
        <li key={id}>
          <a href={`/lab/label/${id}`} aria-label={`Picture ${shortDigest(id)}`}>
            <img src={blobUrl(id, 160)} width={120} height={90} alt="" loading="lazy" />
          </a>
        </li>
      ))}
    </ul>
  );
}
