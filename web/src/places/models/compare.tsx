// The challenger beside the champion: which dataset, is it measured, and then the figures.
import { useState } from "preact/hooks";
import type { Dataset, DatasetPage, Model, ModelPage, Run, RunDetail, RunPage } from "../../contract.gen";
import { Asked, Empty, FailureBox, Skeleton, useSending } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { refresh, useAsk, type View } from "../../state/ask";
import { useApp } from "../../state/app";
import { go, withQuery } from "../../state/route";
import { many, shortDigest } from "../../logic/words";
import { lab } from "../lab/hub";
import { models } from "./hub";
import { Compared } from "./compared";

const SPLIT = "test";
const titleOf = (m: Model) => `${m.name} v${m.version}`;

export function ComparePlace({ digest, query }: { digest: string; query: URLSearchParams }) {
  const view = useAsk<ModelPage>(
    "registry",
    () => models.list(new URLSearchParams({ limit: "200" })),
    ["model", "device"],
  );
  return (
    <div class="page">
      <a class="back" href={`/models/${digest}`}>
        <Back />
        The model
      </a>
      <Asked view={view} what="Models" waiting={<Skeleton lines={3} />}>
        {(page) => {
          const one = page.models.find((m) => m.digest === digest);
          if (!one)
            return (
              <Empty title="This model is not known">
                <p>No registered model has the digest {shortDigest(digest)}.</p>
              </Empty>
            );
          return <Chosen one={one} all={page.models} query={query} />;
        }}
      </Asked>
    </div>
  );
}

function Chosen({ one, all, query }: { one: Model; all: Model[]; query: URLSearchParams }) {
  const others = all.filter((m) => m.digest !== one.digest);
  const beside =
    others.find((m) => m.digest === query.get("with")) ??
    others.find((m) => m.name === one.name && m.state === "champion") ??
    others.find((m) => m.digest === one.parent) ??
    others[0];
  if (!beside)
    return (
      <Empty title="Nothing to compare with">
        <p>
          {titleOf(one)} is the only model here. The first champion of a name needs no comparison.
        </p>
      </Empty>
    );
  return <Pair one={one} beside={beside} others={others} query={query} />;
}

const measuredQuery = (m: Model) =>
  new URLSearchParams({ kind: "evaluate", model: m.digest, limit: "100" });

function useMeasured(m: Model): View<RunPage> {
  return useAsk<RunPage>(`measured/${m.digest}`, () => lab.runs(measuredQuery(m)), ["run"]);
}
const alive = (r: Run) => r.state !== "failed" && r.state !== "cancelled";
const onTest = (r: Run) => (r.config.split ?? SPLIT) === SPLIT;

function Pair({
  one,
  beside,
  others,
  query,
}: {
  one: Model;
  beside: Model;
  others: Model[];
  query: URLSearchParams;
}) {
  const mine = useMeasured(one);
  const theirs = useMeasured(beside);
  const sets = useAsk<DatasetPage>("registry/datasets", () => lab.datasets(), ["pool", "run"]);
  const change = (name: string, value: string) => {
    const q = new URLSearchParams(query);
    q.set(name, value);
    go(withQuery(`/models/${one.digest}/compare`, q), { replace: true });
  };
  const all = sets.data?.datasets ?? [];
  const runOn = (view: View<RunPage>, dataset: string) =>
    view.data?.runs.find((r) => onTest(r) && alive(r) && r.config.dataset === dataset);
  const both = all.find((d) => runOn(mine, d.digest) && runOn(theirs, d.digest));
  const dataset = all.find((d) => d.digest === query.get("dataset")) ?? both ?? all[0];
  return (
    <>
      <header class="page-head">
        <h1 class="place-title">
          <bdi>{one.name}</bdi> <span class="num">v{one.version}</span>{" "}
          <span class="quiet">beside</span> {beside.name !== one.name && <bdi>{beside.name} </bdi>}
          <span class="num">v{beside.version}</span>
        </h1>
        <span class="grow" />
        <label class="field-line">
          <span>Beside</span>
          <select
            class="input select"
            value={beside.digest}
            onChange={(e) => change("with", e.currentTarget.value)}
          >
            {others.map((m) => (
              <option key={m.digest} value={m.digest}>
                {titleOf(m)}
                {m.state === "champion" ? ", champion" : ""}
              </option>
            ))}
          </select>
        </label>
        <label class="field-line">
          <span>On</span>
          <select
            class="input select"
            value={dataset?.digest ?? ""}
            disabled={!all.length}
            onChange={(e) => change("dataset", e.currentTarget.value)}
          >
            {!all.length && <option value="">no dataset yet</option>}
            {all.map((d) => (
              <option key={d.digest} value={d.digest}>
                {d.name} {shortDigest(d.digest).slice(0, 6)}: {d.splits.test} held out
              </option>
            ))}
          </select>
        </label>
      </header>
      <Asked view={sets} what="Datasets" waiting={<Skeleton lines={3} tall />}>
        {() => (
          <Asked view={mine} what="Its measurements" waiting={<Skeleton lines={3} tall />}>
            {() => (
              <Asked view={theirs} what="The other's measurements" waiting={<Skeleton lines={3} tall />}>
                {() =>
                  dataset ? (
                    <OnDataset
                      key={dataset.digest + beside.digest}
                      one={one}
                      beside={beside}
                      dataset={dataset}
                      mine={runOn(mine, dataset.digest)}
                      theirs={runOn(theirs, dataset.digest)}
                    />
                  ) : (
                    <NoDataset />
                  )
                }
              </Asked>
            )}
          </Asked>
        )}
      </Asked>
    </>
  );
}

function NoDataset() {
  return (
    <Empty title="No dataset yet">
      <p>
        Two models are compared on pictures that neither has learned from: the held-out split of a
        dataset. Label some pictures in the Lab and freeze them into one.
      </p>
      <a class="button" href="/lab/datasets">
        To the datasets
      </a>
    </Empty>
  );
}

function OnDataset({
  one,
  beside,
  dataset,
  mine,
  theirs,
}: {
  one: Model;
  beside: Model;
  dataset: Dataset;
  mine: Run | undefined;
  theirs: Run | undefined;
}) {
  const { user } = useApp();
  const [asked, setAsked] = useState<string[]>();
  const { busy, failure, send } = useSending();
  const ids = asked ?? (mine && theirs ? [mine.id, theirs.id] : undefined);
  if (ids?.[0] && ids[1]) return <Running one={one} beside={beside} ids={[ids[0], ids[1]]} />;
  const measure = () =>
    send(async () => {
      const made = await models.compare(one.digest, {
        champion: beside.digest,
        dataset: dataset.digest,
      });
      setAsked(made.runs);
      refresh("run");
    });
  return (
    <section class="card measure" aria-label="Measure">
      <h2>Not measured on this dataset yet</h2>
      <p>
        Both look at the {many(dataset.splits.test, "held-out picture")} of{" "}
        <a href={`/lab/datasets/${dataset.digest}`}>
          <bdi>{dataset.name}</bdi>
        </a>
        . Its test split was used {many(dataset.test_uses, "time")} before: the more often, the less
        it proves.
      </p>
      {failure && <FailureBox failure={failure} />}
      {user?.role === "viewer" ? (
        <p class="quiet">You may look; operators measure.</p>
      ) : (
        <button type="button" class="button primary" disabled={busy} onClick={measure}>
          Measure both
        </button>
      )}
    </section>
  );
}

function Running({ one, beside, ids }: { one: Model; beside: Model; ids: [string, string] }) {
  const mine = useAsk<RunDetail>(`registry/run/${ids[0]}`, () => lab.run(ids[0]), ["run"]);
  const theirs = useAsk<RunDetail>(`registry/run/${ids[1]}`, () => lab.run(ids[1]), ["run"]);
  if (mine.data?.state === "done" && theirs.data?.state === "done")
    return <Compared one={one} beside={beside} mine={mine.data} theirs={theirs.data} />;
  return (
    <section class="card measure" aria-label="Measuring">
      <h2>Being measured</h2>
      <p class="quiet">A worker takes the runs in turn. This page shows the result by itself.</p>
      {[
        { m: one, view: mine },
        { m: beside, view: theirs },
      ].map(({ m, view }) => (
        <Asked key={m.digest} view={view} what="The run" waiting={<Skeleton lines={1} />}>
          {(run) => <Progress m={m} run={run} />}
        </Asked>
      ))}
    </section>
  );
}

function Progress({ m, run }: { m: Model; run: RunDetail }) {
  return (
    <div class="measure-run">
      <a href={`/lab/runs/${run.id}`}>{titleOf(m)}</a>
      {run.state === "leased" && run.steps > 0 ? (
        <progress value={run.step} max={run.steps} aria-label={`Measuring ${titleOf(m)}`} />
      ) : (
        <span />
      )}
      <span class="quiet num">
        {run.state === "queued"
          ? "waits for a worker: vedette-trainer"
          : run.state === "leased"
            ? run.steps
              ? `${run.step} of ${run.steps}`
              : "begins"
            : run.state === "done"
              ? "done"
              : run.state}
      </span>
      {run.why && <p class="bad-text">{run.why.fact}</p>}
    </div>
  );
}
