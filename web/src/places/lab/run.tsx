// One run: how far, how well, in whose words, and what came out.
import { useState } from "preact/hooks";
import type { Run, RunDetail } from "../../contract.gen";
import { Ago, Asked, FailureBox, Skeleton, useSending } from "../../pieces/basics";
import { Failure } from "../../api/client";
import { Back } from "../../pieces/icons";
import { amend, refresh, useAsk } from "../../state/ask";
import { notice, useApp, useNow } from "../../state/app";
import { go } from "../../state/route";
import { bestStep, columnsOf, leftMs } from "../../logic/labelcurves";
import { measure, runKindText, splitText } from "../../logic/labelwords";
import { clock, lasted } from "../../logic/time";
import { percent, shortDigest } from "../../logic/words";
import { Chart } from "./chart";
import { blobUrl, lab, type KnownModel, type RunReport } from "./hub";
import { NoWorker, RunProgress, RunSign } from "./runs";

export function RunPlace({ id }: { id: string }) {
  const view = useAsk<RunDetail>(`run/${id}`, () => lab.run(id), ["run"]);
  return (
    <div class="page">
      <a class="back" href="/lab/runs">
        <Back />
        Runs
      </a>
      <Asked view={view} what="The run" waiting={<Skeleton lines={4} tall />}>
        {(run) => (
          <>
            <Head run={run} />
            {run.why && <FailureBox failure={new Failure(0, run.why)} />}
            {(run.points.length > 0 || run.state === "leased") && run.kind === "train" && (
              <Curves run={run} />
            )}
            <div class="report-cols">
              <Words run={run} />
              <Settings run={run} />
            </div>
            {run.state === "done" && <Report run={run} />}
          </>
        )}
      </Asked>
    </div>
  );
}

function Head({ run }: { run: RunDetail }) {
  const { user } = useApp();
  const now = useNow();
  const { busy, failure, send } = useSending();
  const going = run.state === "leased" || run.state === "queued";
  const ranMs = run.started_at ? now - Date.parse(run.started_at) : 0;
  const left = run.state === "leased" ? leftMs(run.step, run.steps, ranMs) : undefined;
  const cancel = () =>
    send(async () => {
      const after = await lab.cancelRun(run.id);
      amend(`run/${run.id}`, () => after);
      refresh("run");
    });
  return (
    <header class="run-head">
      <div class="page-head">
        <h2 class="place-title">
          <bdi>{run.name || runKindText[run.kind]}</bdi>
        </h2>
        <RunSign run={run} />
        <span class="grow" />
        {going && user?.role !== "viewer" && (
          <button type="button" class="button danger small" disabled={busy} onClick={cancel}>
            Cancel
          </button>
        )}
        <Outcome run={run} />
      </div>
      {failure && <FailureBox failure={failure} />}
      {run.state === "queued" && (
        <p class="quiet">
          In the queue since <Ago at={run.created_at} />
          <NoWorker />
        </p>
      )}
      {run.state === "leased" && (
        <div class="run-line" role="status">
          <RunProgress run={run} />
          <span class="num quiet">
            step {run.step.toLocaleString("en")}
            {run.steps > 0 && ` of ${run.steps.toLocaleString("en")}`}
            {left !== undefined && ` · about ${lasted(0, left)} left`}
          </span>
          <span class="quiet">
            on <bdi>{run.worker}</bdi>
            {run.attempts > 1 && `, taken over ${run.attempts - 1}×`}
          </span>
        </div>
      )}
      {run.ended_at && run.started_at && (
        <p class="quiet">
          <Ago at={run.ended_at} suffix=" ago" />, took{" "}
          <span class="num">{lasted(Date.parse(run.started_at), Date.parse(run.ended_at))}</span> on{" "}
          <bdi>{run.worker}</bdi>
        </p>
      )}
    </header>
  );
}

/** The model that came out: a link when it is registered, the way to register it when not. */
function Outcome({ run }: { run: Run }) {
  const { user } = useApp();
  const file = run.files.find((f) => f.name === "model.onnx");
  const models = useAsk<{ models: KnownModel[] }>(
    run.state === "done" && file ? "models" : null,
    lab.models,
    ["model"],
  );
  const [busy, setBusy] = useState(false);
  if (run.state !== "done" || !file) return null;
  const model = models.data?.models.find((m) => m.digest === file.digest);
  if (model)
    return (
      <a class="button small primary" href={`/models/${model.digest}`}>
        {model.name} v{model.version}
      </a>
    );
  if (!models.data || user?.role === "viewer") return null;
  const register = async () => {
    setBusy(true);
    try {
      const made = await lab.register({ run: run.id });
      refresh("model");
      go(`/models/${made.digest}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      notice([error.body.fact, error.body.hint].filter(Boolean).join(" "), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      type="button"
      class="button small primary"
      disabled={busy}
      onClick={() => void register()}
    >
      Register the model
    </button>
  );
}

function Curves({ run }: { run: RunDetail }) {
  const quality = run.points.some((p) => p.values["val_accuracy"] !== undefined)
    ? "val_accuracy"
    : "val_map50";
  const best = bestStep(run.points, quality);
  const loss = columnsOf(run.points, ["train_loss", "epoch_loss", "val_loss"]);
  const good = columnsOf(run.points, [quality]);
  const rate = columnsOf(run.points, ["learning_rate"]);
  const mark =
    best === undefined || run.points.length < 3
      ? undefined
      : {
          at: best,
          text: `Best validation ${run.state === "leased" ? "so far " : ""}at step ${best.toLocaleString("en")}; that model is kept.`,
        };
  return (
    <div class="charts">
      <Chart
        title="Loss"
        xTitle="step"
        x={loss.steps}
        xEnd={run.steps || undefined}
        mark={mark}
        series={[
          {
            title: "training",
            color: "--split-train",
            values: loss.of["train_loss"] ?? [],
            faint: true,
          },
          { title: "training, mean", color: "--split-train", values: loss.of["epoch_loss"] ?? [] },
          { title: "validation", color: "--split-test", values: loss.of["val_loss"] ?? [] },
        ].filter((s) => s.values.some((v) => v !== null) || !s.title.endsWith("mean"))}
      />
      <Chart
        title={quality === "val_map50" ? "mAP50, validation" : "Accuracy, validation"}
        xTitle="step"
        x={good.steps}
        xEnd={run.steps || undefined}
        top={1}
        mark={mark}
        series={[{ title: "validation", color: "--split-test", values: good.of[quality] ?? [] }]}
      />
      <Chart
        title="Learning rate"
        xTitle="step"
        x={rate.steps}
        xEnd={run.steps || undefined}
        scientific
        digits={6}
        series={[{ title: "rate", color: "--split-val", values: rate.of["learning_rate"] ?? [] }]}
      />
    </div>
  );
}

function Words({ run }: { run: RunDetail }) {
  const words = [...run.words].reverse();
  return (
    <section class="card" aria-label="What the trainer says">
      <h2>What the trainer says</h2>
      {words.length === 0 && <p class="quiet">Nothing yet.</p>}
      <ol class="run-words">
        {words.map((w, n) => (
          <li key={`${w.at}${n}`}>
            <time class="num quiet" dateTime={w.at}>
              {clock(w.at)}
            </time>
            <span>{w.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Settings({ run }: { run: RunDetail }) {
  const c = run.config;
  const rows: [string, string | number | undefined][] = [
    ["Split", c.split && splitText[c.split]],
    ["Frozen", c.freeze === undefined ? undefined : percent(c.freeze)],
    ["Epochs, at most", c.epochs],
    ["Patience", c.patience],
    ["Learning rate", c.learning_rate],
    ["Batch", c.batch],
    ["Varied", c.augment === undefined ? undefined : c.augment ? "yes" : "no"],
    ["Calibrated with", c.calibration],
    ["May lose", c.budget],
    ["Seed", c.seed],
  ];
  return (
    <section class="card" aria-label="Settings">
      <h2>Settings</h2>
      <dl class="facts">
        <dt>Dataset</dt>
        <dd>
          <a class="mono" href={`/lab/datasets/${c.dataset}`}>
            {shortDigest(c.dataset)}
          </a>
        </dd>
        <dt>{run.kind === "train" ? "Started with" : "Model"}</dt>
        <dd>
          <a class="mono" href={`/models/${c.model}`}>
            {shortDigest(c.model)}
          </a>
        </dd>
        {rows.map(
          ([name, value]) =>
            value !== undefined && (
              <>
                <dt>{name}</dt>
                <dd class="num">{value}</dd>
              </>
            ),
        )}
        <dt>Asked by</dt>
        <dd>
          <bdi>{run.created_by}</bdi>
        </dd>
      </dl>
    </section>
  );
}

function Report({ run }: { run: RunDetail }) {
  const there = run.files.some((f) => f.name === "report.json");
  const view = useAsk<RunReport>(
    there ? `run/${run.id}/report` : null,
    () => lab.runReport(run.id),
    [],
  );
  if (!there) return null;
  return (
    <Asked view={view} what="The report" waiting={<Skeleton lines={3} tall />}>
      {(report) => <ReportParts report={report} />}
    </Asked>
  );
}

function ReportParts({ report }: { report: RunReport }) {
  const figures: [string, string, string][] = [
    ["mAP50", measure(report.map50), "mean over classes at IoU 0.5"],
    ["mAP", measure(report.map), "mean over IoU 0.50 to 0.95"],
    [
      "False alarms",
      report.false_alarms.per_picture.toFixed(2),
      `a picture, at score ${report.false_alarms.at_score}`,
    ],
    ["Recall", measure(report.recall), "found of what is there"],
    ["Precision", measure(report.precision), "right of what is told"],
    ...(report.accuracy === null
      ? []
      : ([["Accuracy", measure(report.accuracy), "whole pictures"]] as [string, string, string][])),
    [
      "Time",
      report.latency_ms.median === null ? "–" : `${report.latency_ms.median.toFixed(1)} ms`,
      report.latency_ms.p95 === null
        ? "a picture"
        : `a picture; 95 % under ${report.latency_ms.p95.toFixed(1)} ms`,
    ],
  ];
  return (
    <>
      <section class="card" aria-label="Figures">
        <h2>Measured on the {splitText[report.split].toLowerCase()} split</h2>
        <dl class="figures">
          {figures.map(([name, value, what]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="num">{value}</dd>
              <dd class="quiet small">{what}</dd>
            </div>
          ))}
        </dl>
        {report.words.length > 0 && (
          <ul class="report-words small">
            {report.words.map((w) => (
              <li key={w}>{w}</li>
            ))}
          </ul>
        )}
      </section>
      <div class="report-cols">
        {report.curve.length > 1 && (
          <div class="card">
            <Chart
              title="Precision over recall, IoU 0.5"
              xTitle="recall"
              xEnd={1}
              still
              x={report.curve.map((p) => p[0] ?? 0)}
              top={1}
              digits={2}
              series={[
                {
                  title: "precision",
                  color: "--split-train",
                  values: report.curve.map((p) => p[1] ?? null),
                },
              ]}
            />
          </div>
        )}
        <section class="card" aria-label="By class and camera">
          <h2>By class and camera</h2>
          <Slices report={report} />
        </section>
      </div>
      {report.worst.length > 0 && (
        <section class="card" aria-label="Worst pictures">
          <h2>Where it is wrong</h2>
          <ul class="lab-worst">
            {report.worst.slice(0, 12).map((w) => (
              <li key={w.picture}>
                <a href={`/lab/label/${w.picture}`}>
                  <img
                    src={blobUrl(w.picture, 320)}
                    width={200}
                    height={150}
                    alt=""
                    loading="lazy"
                  />
                  <span>{w.why}</span>
                  <span class="quiet small">
                    <bdi>{w.camera}</bdi>
                  </span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Slices({ report }: { report: RunReport }) {
  return (
    <div class="table-scroll">
      <table class="lab-table">
        <thead>
          <tr>
            <th scope="col">Class or camera</th>
            <th scope="col">Things</th>
            <th scope="col">mAP50</th>
            <th scope="col">mAP</th>
          </tr>
        </thead>
        <tbody>
          {report.per_class.map((c) => (
            <tr key={`class ${c.class}`}>
              <th scope="row">
                <bdi>{c.class}</bdi>
              </th>
              <td>{c.truths || <span class="warn-text">none</span>}</td>
              <td>{measure(c.ap50)}</td>
              <td>{measure(c.ap)}</td>
            </tr>
          ))}
          {report.per_camera.map((c) => (
            <tr key={`camera ${c.name}`}>
              <th scope="row">
                <bdi class="quiet">{c.name}</bdi>
              </th>
              <td>{c.truths}</td>
              <td>{measure(c.map50)}</td>
              <td>–</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
