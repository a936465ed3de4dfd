// Runs: what waits, what is being trained, what came of it.
import type { Run, RunPage } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton } from "../../pieces/basics";
import { Lab as LabIcon, Plus } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { useApp } from "../../state/app";
import type { Route } from "../../state/route";
import { measure, runKindText, runStateText } from "../../logic/labelwords";
import { percent, shortDigest } from "../../logic/words";
import { LabHead } from "./head";
import { lab } from "./hub";
import { NewRun } from "./newrun";
import { RunPlace } from "./run";

export function RunsPlace({ route }: { route: Route }) {
  const { user } = useApp();
  const [, which] = route.rest;
  return (
    <>
      <LabHead at="runs">
        {user?.role !== "viewer" && !which && (
          <a class="button" href="/lab/runs/new">
            <Plus />
            Train a model
          </a>
        )}
      </LabHead>
      <div class="lab-body">
        {which === "new" ? (
          <NewRun query={route.query} />
        ) : which ? (
          <RunPlace key={which} id={which} />
        ) : (
          <AllRuns />
        )}
      </div>
    </>
  );
}

function AllRuns() {
  const query = new URLSearchParams({ limit: "100" });
  const view = useAsk<RunPage>("runs", () => lab.runs(query), ["run"]);
  return (
    <div class="page">
      <Asked view={view} what="Runs" waiting={<Skeleton lines={4} tall />}>
        {({ runs, counts }) =>
          runs.length ? (
            <>
              {counts.queued + counts.leased > 0 && (
                <p class="quiet" role="status">
                  <span class="num">{counts.leased}</span> running,{" "}
                  <span class="num">{counts.queued}</span> waiting
                  {counts.leased === 0 && counts.queued > 0 && <NoWorker />}
                </p>
              )}
              <ul class="rows-list" aria-label="Runs">
                {runs.map((r) => (
                  <li key={r.id}>
                    <RunRow run={r} />
                  </li>
                ))}
              </ul>
            </>
          ) : (
            <Empty title="No run yet" art={<LabIcon />}>
              <p>
                A run teaches a model what you labelled, or measures one. It is done by a worker, on
                this machine or another:
              </p>
              <pre>vedette-trainer --hub https://hub.example.org --token-file FILE</pre>
              <a class="button primary" href="/lab/runs/new">
                Train a model
              </a>
            </Empty>
          )
        }
      </Asked>
    </div>
  );
}

export function NoWorker() {
  return (
    <>
      {" "}
      · no worker has taken it: is <code class="mono">vedette-trainer</code> running?
    </>
  );
}

export function RunProgress({ run }: { run: Run }) {
  if (run.state !== "leased") return null;
  const share = run.steps ? run.step / run.steps : 0;
  return (
    <span class="run-progress">
      <progress
        aria-label="Progress"
        value={run.steps ? run.step : undefined}
        max={run.steps || undefined}
      />
      <span class="num quiet">{run.steps ? percent(share) : "starting"}</span>
    </span>
  );
}

export function RunSign({ run }: { run: Run }) {
  return (
    <span class={`run-sign run-${run.state}`}>
      <i />
      {runStateText[run.state]}
    </span>
  );
}

function RunRow({ run }: { run: Run }) {
  const result =
    run.kind === "train" || run.kind === "evaluate" || run.kind === "quantize"
      ? run.summary
      : undefined;
  return (
    <a class="run-row" href={`/lab/runs/${run.id}`}>
      <span class="row-name">
        <strong>
          <bdi>{run.name || runKindText[run.kind]}</bdi>
        </strong>
        <span class="quiet small">
          {run.name ? runKindText[run.kind] : ""}{" "}
          <span class="mono">{shortDigest(run.config.dataset)}</span>
        </span>
      </span>
      <RunSign run={run} />
      <span class="run-what">
        <RunProgress run={run} />
        {result && (
          <span class="num">
            mAP50 {measure(result.map50)}{" "}
            <span class="quiet">
              · {result.false_alarms_per_picture.toFixed(2)} false alarms a picture
            </span>
          </span>
        )}
        {run.state === "failed" && <span class="bad-text small">{run.why?.fact}</span>}
      </span>
      <span class="quiet small run-when">
        <Ago at={run.ended_at ?? run.created_at} suffix=" ago" />
        <bdi>{run.worker ?? ""}</bdi>
      </span>
    </a>
  );
}
