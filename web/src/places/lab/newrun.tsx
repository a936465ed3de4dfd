// Starting a training: a dataset, a model to start with, and few settings that say what they do.
import { useState } from "preact/hooks";
import type { DatasetPage } from "../../contract.gen";
import { Asked, FailureBox, Skeleton, useSending } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { refresh, useAsk } from "../../state/ask";
import { go } from "../../state/route";
import { many, shortDigest } from "../../logic/words";
import { lab, type KnownModel } from "./hub";
import { Number_ } from "./newdataset";

const depths = [
  { freeze: 0.95, title: "Only the last layers", text: "fast; for a few dozen pictures" },
  { freeze: 0.9, title: "The head", text: "the usual choice" },
  { freeze: 0.5, title: "The upper half", text: "slower; for a few hundred pictures" },
  { freeze: 0, title: "Everything", text: "slow; for thousands of pictures" },
] as const;

interface Form {
  dataset: string;
  model: string;
  name: string;
  freeze: number;
  epochs: number;
  patience: number;
  rate: number;
  batch: number;
  seed: number;
  augment: boolean;
}

export function NewRun({ query }: { query: URLSearchParams }) {
  const sets = useAsk<DatasetPage>("datasets", () => lab.datasets(), ["pool", "run"]);
  const models = useAsk<{ models: KnownModel[] }>("models", lab.models, ["model"]);
  return (
    <div class="page page-narrow">
      <a class="back" href="/lab/runs">
        <Back />
        Runs
      </a>
      <h2 class="place-title">Train a model</h2>
      <Asked view={sets} what="Datasets" waiting={<Skeleton lines={4} />}>
        {({ datasets }) => (
          <Asked view={models} what="Models" waiting={<Skeleton lines={4} />}>
            {({ models: known }) =>
              !datasets.length ? (
                <p class="card">
                  A training needs a dataset first. <a href="/lab/datasets/new">Make one</a>
                </p>
              ) : !known.length ? (
                <p class="card">
                  A training starts with a model that is registered.{" "}
                  <a href="/models">See the models</a>
                </p>
              ) : (
                <Fields datasets={datasets} models={known} query={query} />
              )
            }
          </Asked>
        )}
      </Asked>
    </div>
  );
}

function Fields({
  datasets,
  models,
  query,
}: {
  datasets: DatasetPage["datasets"];
  models: readonly KnownModel[];
  query: URLSearchParams;
}) {
  const [form, set] = useState<Form>(() => ({
    dataset:
      datasets.find((d) => d.digest === query.get("dataset"))?.digest ?? datasets[0]?.digest ?? "",
    model:
      models.find((m) => m.digest === query.get("model"))?.digest ??
      models.find((m) => m.state === "champion")?.digest ??
      models[0]?.digest ??
      "",
    name: "",
    freeze: 0.9,
    epochs: 20,
    patience: 5,
    rate: 0.001,
    batch: 8,
    seed: 1,
    augment: true,
  }));
  const { busy, failure, send } = useSending();
  const change = (part: Partial<Form>) => set((f) => ({ ...f, ...part }));
  const dataset = datasets.find((d) => d.digest === form.dataset);
  const start = () =>
    send(async () => {
      const { name, rate, ...numbers } = form;
      const run = await lab.startRun({
        kind: "train",
        name: name.trim() || (dataset?.name ?? ""),
        config: { ...numbers, learning_rate: rate },
      });
      refresh("run");
      go(`/lab/runs/${run.id}`);
    });
  return (
    <form
      class="card form-card"
      onSubmit={(e) => {
        e.preventDefault();
        start();
      }}
    >
      <label class="field">
        Dataset
        <select
          class="input select"
          value={form.dataset}
          onChange={(e) => change({ dataset: e.currentTarget.value })}
        >
          {datasets.map((d) => (
            <option key={d.digest} value={d.digest}>
              {d.name} {shortDigest(d.digest)}, {many(d.pictures, "picture")}
            </option>
          ))}
        </select>
        {dataset && dataset.splits.train < 20 && (
          <span class="warn-text">
            {many(dataset.splits.train, "picture")} to train with are few: it will know them by
            heart.
          </span>
        )}
      </label>
      <label class="field">
        Start with
        <select
          class="input select"
          value={form.model}
          onChange={(e) => change({ model: e.currentTarget.value })}
        >
          {models.map((m) => (
            <option key={m.digest} value={m.digest}>
              {m.name} v{m.version}
              {m.state === "champion" ? ", champion" : ""} ({shortDigest(m.digest)})
            </option>
          ))}
        </select>
      </label>
      <fieldset class="choices">
        <legend class="field">What learns</legend>
        {depths.map((d) => (
          <label key={d.freeze} class="choice">
            <input
              type="radio"
              name="freeze"
              checked={form.freeze === d.freeze}
              onChange={() => change({ freeze: d.freeze })}
            />
            <span>
              <strong>{d.title}</strong> <span class="quiet">{d.text}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="form-cols">
        <Number_
          label="Epochs, at most"
          value={form.epochs}
          min={1}
          max={1000}
          change={(epochs) => change({ epochs })}
        />
        <label class="field">
          Name
          <input
            class="input"
            maxLength={128}
            placeholder={dataset?.name ?? ""}
            value={form.name}
            onInput={(e) => change({ name: e.currentTarget.value })}
          />
        </label>
      </div>
      <p class="quiet small">
        An epoch goes over all pictures once. It stops earlier when {form.patience || "no"} epochs
        bring nothing better, and keeps the best.
      </p>
      <details class="more">
        <summary>More: rate, batch, patience, seed</summary>
        <div class="form-cols">
          <Number_
            label="Learning rate"
            value={form.rate}
            min={1e-7}
            max={1}
            step="any"
            change={(rate) => change({ rate })}
          />
          <Number_
            label="Batch"
            value={form.batch}
            min={1}
            max={256}
            change={(batch) => change({ batch })}
          />
          <Number_
            label="Patience, epochs"
            value={form.patience}
            min={0}
            max={1000}
            change={(patience) => change({ patience })}
          />
          <Number_
            label="Seed"
            value={form.seed}
            min={0}
            max={2 ** 31}
            change={(seed) => change({ seed })}
          />
        </div>
        <label class="choice choice-plain">
          <input
            type="checkbox"
            checked={form.augment}
            onChange={(e) => change({ augment: e.currentTarget.checked })}
          />
          <span>
            Vary the pictures <span class="quiet">mirrored, scaled, lighter and darker</span>
          </span>
        </label>
        <p class="quiet small">The same dataset, settings and seed give the same model.</p>
      </details>
      {failure && <FailureBox failure={failure} />}
      <div class="dialog-foot">
        <a class="button" href="/lab/runs">
          Cancel
        </a>
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? "Starting…" : "Train"}
        </button>
      </div>
    </form>
  );
}
