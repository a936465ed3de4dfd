// Starting a rollout: to which devices, who goes first, and what may not happen.
import { useState } from "preact/hooks";
import type { Fleet, ModelPage, NewRollout } from "../../contract.gen";
import { Dialog, FailureBox, useSending } from "../../pieces/basics";
import { put, refresh, useAsk } from "../../state/ask";
import { notice } from "../../state/app";
import { go } from "../../state/route";
import { stagesOf } from "../../logic/opswords";
import { watch } from "../watch/hub";
import { models } from "./hub";

const units = { s: 1, min: 60, h: 3600 } as const;
type Unit = keyof typeof units;

export function StartRollout({ model, close }: { model?: string; close: () => void }) {
  const all = useAsk<ModelPage>(
    "registry",
    () => models.list(new URLSearchParams({ limit: "200" })),
    ["model", "device"],
  );
  const fleet = useAsk<Fleet>("fleet", () => watch.fleet(), ["device"]);
  const [chosen, setChosen] = useState(model ?? "");
  const [condition, setCondition] = useState("*");
  const [canary, setCanary] = useState("");
  const [limit, setLimit] = useState("10");
  const [soak, setSoak] = useState("1");
  const [unit, setUnit] = useState<Unit>("h");
  const [stages, setStages] = useState("10, 50, 100");
  const [note, setNote] = useState("");
  const { busy, failure, send } = useSending();
  const usable = (all.data?.models ?? []).filter((m) => m.state !== "retired");
  const digest =
    chosen || usable.find((m) => m.state === "champion")?.digest || usable[0]?.digest || "";
  const steps = stagesOf(stages);
  const soakS = Math.round(Number(soak) * units[unit]);
  const ready = digest && condition.trim() && steps && soakS > 0 && Number(limit) >= 0;
  const start = () =>
    send(async () => {
      const body: NewRollout = {
        model: digest,
        condition: condition.trim(),
        false_alarm_limit: Number(limit) / 100,
        soak_s: soakS,
        ...(steps ? { stages: steps } : {}),
        ...(canary ? { canary } : {}),
        ...(note.trim() ? { note: note.trim() } : {}),
      };
      const made = await models.startRollout(body);
      put(`rollout/${made.id}`, made);
      refresh("rollout");
      notice(`${made.model.name} is on its way to ${made.canary ?? "its canary"}`);
      close();
      go(`/rollouts/${made.id}`);
    });
  return (
    <Dialog title="Roll out a model" close={close}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (ready) start();
        }}
      >
        <label class="field">
          <span>Model</span>
          <select
            class="input select"
            value={digest}
            onChange={(e) => setChosen(e.currentTarget.value)}
          >
            {usable.map((m) => (
              <option key={m.digest} value={m.digest}>
                {m.name} v{m.version}
                {m.state === "champion" ? ", champion" : ""}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>To the devices that meet</span>
          <input
            class="input mono"
            required
            maxLength={1024}
            spellcheck={false}
            autocapitalize="none"
            aria-describedby="condition-help"
            value={condition}
            onInput={(e) => setCondition(e.currentTarget.value)}
          />
        </label>
        <p id="condition-help" class="quiet small">
          <span class="mono">*</span> is every device. Otherwise by tags:{" "}
          <span class="mono">tags.site = 'north' AND NOT tags.line IN ['3', '4']</span>
        </p>
        <label class="field">
          <span>Goes first</span>
          <select
            class="input select"
            value={canary}
            onChange={(e) => setCanary(e.currentTarget.value)}
          >
            <option value="">the first that is connected</option>
            {fleet.data?.devices
              .filter((d) => d.enabled)
              .map((d) => (
                <option key={d.id} value={d.id}>
                  {d.id}
                  {d.connected ? "" : " (away)"}
                </option>
              ))}
          </select>
        </label>
        <div class="form-pair">
          <label class="field">
            <span>Each stage runs well for</span>
            <span class="joined">
              <input
                class="input num"
                type="number"
                inputMode="decimal"
                min="0"
                step="any"
                required
                value={soak}
                onInput={(e) => setSoak(e.currentTarget.value)}
              />
              <select
                class="input select"
                aria-label="Unit"
                value={unit}
                onChange={(e) => setUnit(e.currentTarget.value as Unit)}
              >
                {Object.keys(units).map((u) => (
                  <option key={u}>{u}</option>
                ))}
              </select>
            </span>
          </label>
          <label class="field">
            <span>Stages, per cent</span>
            <input
              class="input num"
              required
              aria-invalid={!steps}
              value={stages}
              onInput={(e) => setStages(e.currentTarget.value)}
            />
          </label>
        </div>
        {!steps && <p class="warn-text small">Stages rise, and the last is 100.</p>}
        <label class="field">
          <span>Halt when the share of false alarms rises by more than, per cent</span>
          <input
            class="input num"
            type="number"
            inputMode="decimal"
            min="0"
            max="100"
            step="any"
            required
            value={limit}
            onInput={(e) => setLimit(e.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Note</span>
          <input
            class="input"
            maxLength={500}
            value={note}
            onInput={(e) => setNote(e.currentTarget.value)}
          />
        </label>
        {failure && <FailureBox failure={failure} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy || !ready}>
            Start with the canary
          </button>
        </div>
      </form>
    </Dialog>
  );
}
