// Making a version: a name is enough; everything else has a default that is sane.
import { useState } from "preact/hooks";
import type {
  DatasetMade,
  DatasetTask,
  NewDataset as Wish,
  PoolClassPage,
  PoolPage,
} from "../../contract.gen";
import { FailureBox, useSending } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { refresh, useAsk } from "../../state/ask";
import { useApp } from "../../state/app";
import { many, shortDigest } from "../../logic/words";
import { lab } from "./hub";
import { SplitBar, SplitKey } from "./bars";

interface Form {
  name: string;
  task: DatasetTask;
  classes: ReadonlySet<string> | undefined;
  cameras: ReadonlySet<string> | undefined;
  reviewed: boolean;
  val: number;
  test: number;
  block: number;
  seed: number;
  since: string;
  until: string;
}
const start: Form = {
  name: "",
  task: "detection",
  classes: undefined,
  cameras: undefined,
  reviewed: false,
  val: 15,
  test: 20,
  block: 60,
  seed: 1,
  since: "",
  until: "",
};

/** A name is part of addresses and files: small letters, digits and . _ - */
const nameOf = (typed: string): string =>
  typed
    .toLowerCase()
    .replace(/\s+/g, "-")
    .replace(/[^a-z0-9._-]/g, "");

function wishOf(f: Form): Wish {
  return {
    name: f.name,
    task: f.task,
    seed: f.seed,
    split: { block_s: f.block, val: f.val / 100, test: f.test / 100 },
    ...(f.classes ? { classes: [...f.classes] } : {}),
    ...(f.cameras ? { cameras: [...f.cameras] } : {}),
    ...(f.reviewed ? { reviewed_only: true } : {}),
    ...(f.since ? { since: new Date(f.since).toISOString() } : {}),
    ...(f.until ? { until: new Date(f.until).toISOString() } : {}),
  };
}

export function NewDataset() {
  const { user } = useApp();
  const [form, set] = useState<Form>(start);
  const [made, setMade] = useState<DatasetMade>();
  const { busy, failure, send } = useSending();
  const pool = useAsk<PoolPage>(
    "pool/counts",
    () => lab.pool(new URLSearchParams({ limit: "1" })),
    ["pool"],
  );
  const classes = useAsk<PoolClassPage>("pool/classes", lab.classes, ["pool"]);
  const used = classes.data?.classes.filter((c) => c.boxes || c.pictures) ?? [];
  const change = (part: Partial<Form>) => set((f) => ({ ...f, ...part }));
  const counts = pool.data?.counts;
  const ready = counts && (form.reviewed ? counts.reviewed : counts.labelled + counts.reviewed);
  if (made) return <Made made={made} />;
  return (
    <div class="page page-narrow">
      <a class="back" href="/lab/datasets">
        <Back />
        Datasets
      </a>
      <h2 class="place-title">Make a version</h2>
      {ready !== undefined && (
        <p>
          <span class="num">
            {many(ready, form.reviewed ? "reviewed picture" : "labelled picture")}
          </span>
          {ready < 30 && (
            <span class="warn-text">
              {" "}
              · fewer than 30 teach little; <a href="/lab/label">label some more</a>
            </span>
          )}
        </p>
      )}
      <form
        class="card form-card"
        onSubmit={(e) => {
          e.preventDefault();
          send(async () => {
            setMade(await lab.makeDataset(wishOf(form)));
            refresh("pool");
          });
        }}
      >
        <label class="field">
          Name
          <input
            class="input"
            required
            maxLength={64}
            placeholder="yard-people"
            value={form.name}
            onInput={(e) => change({ name: nameOf(e.currentTarget.value) })}
          />
        </label>
        <fieldset class="choices choices-row">
          <legend class="field">For</legend>
          {(
            [
              ["detection", "Detection", "boxes in pictures"],
              ["classification", "Classification", "one class a picture"],
            ] as const
          ).map(([task, title, text]) => (
            <label key={task} class="choice">
              <input
                type="radio"
                name="task"
                checked={form.task === task}
                onChange={() => change({ task })}
              />
              <span>
                <strong>{title}</strong> <span class="quiet">{text}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <Choose
          title="Classes"
          hint="Boxes of other classes are left out."
          of={used.map((c) => ({ value: c.name, text: `${c.name} ${c.boxes || c.pictures}` }))}
          chosen={form.classes}
          change={(of) => change({ classes: of })}
        />
        <Choose
          title="Cameras"
          hint=""
          of={(pool.data?.cameras ?? []).map((c) => ({
            value: `${c.device}/${c.camera}`,
            text: c.camera,
          }))}
          chosen={form.cameras}
          change={(of) => change({ cameras: of })}
        />
        <label class="choice choice-plain">
          <input
            type="checkbox"
            checked={form.reviewed}
            onChange={(e) => change({ reviewed: e.currentTarget.checked })}
          />
          <span>Only what a second person has reviewed</span>
        </label>
        <fieldset>
          <legend class="field split-legend">
            Split
            <SplitKey />
          </legend>
          <SplitBar of={{ train: 100 - form.val - form.test, val: form.val, test: form.test }} />
          <div class="form-cols">
            <Number_
              label="Validation, %"
              value={form.val}
              min={0}
              max={50}
              change={(val) => change({ val })}
            />
            <Number_
              label="Test, %"
              value={form.test}
              min={0}
              max={50}
              change={(test) => change({ test })}
            />
          </div>
        </fieldset>
        <details class="more">
          <summary>More: time, blocks, seed</summary>
          <div class="form-cols">
            <label class="field">
              Taken from
              <input
                class="input"
                type="datetime-local"
                value={form.since}
                onInput={(e) => change({ since: e.currentTarget.value })}
              />
            </label>
            <label class="field">
              until
              <input
                class="input"
                type="datetime-local"
                value={form.until}
                onInput={(e) => change({ until: e.currentTarget.value })}
              />
            </label>
            <Number_
              label="Block, seconds"
              value={form.block}
              min={1}
              max={86400}
              change={(block) => change({ block })}
            />
            <Number_
              label="Seed"
              value={form.seed}
              min={0}
              max={2 ** 31}
              change={(seed) => change({ seed })}
            />
          </div>
          <p class="quiet small">
            Pictures of one camera within a block stay together in one split. The same seed and
            selection give the same dataset.
          </p>
        </details>
        {failure && <FailureBox failure={failure} />}
        <div class="dialog-foot">
          <a class="button" href="/lab/datasets">
            Cancel
          </a>
          <button
            type="submit"
            class="button primary"
            disabled={busy || !form.name.trim() || user?.role === "viewer"}
          >
            {busy ? "Making…" : "Make it"}
          </button>
        </div>
      </form>
    </div>
  );
}

export function Number_({
  label,
  value,
  min,
  max,
  step = 1,
  change,
}: {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number | "any";
  change: (value: number) => void;
}) {
  return (
    <label class="field">
      {label}
      <input
        class="input num"
        type="number"
        required
        min={min}
        max={max}
        step={step}
        value={value}
        onInput={(e) => {
          if (e.currentTarget.value !== "") change(e.currentTarget.valueAsNumber);
        }}
      />
    </label>
  );
}

function Choose({
  title,
  hint,
  of,
  chosen,
  change,
}: {
  title: string;
  hint: string;
  of: readonly { value: string; text: string }[];
  chosen: ReadonlySet<string> | undefined;
  change: (of: ReadonlySet<string> | undefined) => void;
}) {
  if (of.length < 2) return null;
  const flip = (value: string) => {
    const next = new Set(chosen ?? of.map((o) => o.value));
    if (next.has(value)) next.delete(value);
    else next.add(value);
    change(next.size === of.length || next.size === 0 ? undefined : next);
  };
  return (
    <fieldset>
      <legend class="field">{title}</legend>
      <div class="chips">
        {of.map((o) => (
          <button
            key={o.value}
            type="button"
            class="chip-choice"
            aria-pressed={!chosen || chosen.has(o.value)}
            onClick={() => flip(o.value)}
          >
            <bdi>{o.text}</bdi>
          </button>
        ))}
      </div>
      {chosen && hint && <p class="quiet small">{hint}</p>}
    </fieldset>
  );
}

function Made({ made }: { made: DatasetMade }) {
  const d = made.dataset;
  return (
    <div class="page page-narrow">
      <h2 class="place-title">
        <bdi>{d.name}</bdi> <span class="mono quiet">{shortDigest(d.digest)}</span>
      </h2>
      <section class="card" aria-label="What it holds">
        <p class="num">
          {many(d.pictures, "picture")}, {many(d.boxes, "box", "boxes")},{" "}
          {many(d.classes.length, "class", "classes")}
        </p>
        <p>
          <SplitBar of={d.splits} />
        </p>
        <SplitKey />
      </section>
      <Warnings of={made.warnings} />
      <div class="dialog-foot">
        <a class="button" href={`/lab/datasets/${d.digest}`}>
          See its report
        </a>
        <a class="button primary" href={`/lab/runs/new?dataset=${d.digest}`}>
          Train with it
        </a>
      </div>
    </div>
  );
}

export function Warnings({ of }: { of: DatasetMade["warnings"] }) {
  if (!of.length) return null;
  return (
    <ul class="warnings" aria-label="What is weak">
      {of.map((w) => (
        <li key={w.fact}>
          <p>{w.fact}</p>
          {w.hint && <p class="quiet small">{w.hint}</p>}
        </li>
      ))}
    </ul>
  );
}
