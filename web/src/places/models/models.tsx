// Models: what is registered, which one is approved, where each runs.
import type { Model, ModelPage, ModelState } from "../../contract.gen";
import { model_state_words } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton } from "../../pieces/basics";
import { Models as ModelsIcon } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { go, withQuery, type Route } from "../../state/route";
import { many, percent, shortDigest } from "../../logic/words";
import { bytesText, modelStateText } from "../../logic/opswords";
import { models } from "./hub";
import { OneModel } from "./model";
import { ComparePlace } from "./compare";
import { ModelsHead } from "./tabs";

export function ModelsPlace({ route }: { route: Route }) {
  const [digest, part] = route.rest;
  if (digest && part === "compare")
    return <ComparePlace key={digest} digest={digest} query={route.query} />;
  if (digest) return <OneModel key={digest} digest={digest} />;
  return <ModelList query={route.query} />;
}

const LIMIT = "200";

function ModelList({ query }: { query: URLSearchParams }) {
  const state = query.get("state") ?? "";
  const view = useAsk<ModelPage>(
    "registry",
    () => models.list(new URLSearchParams({ limit: LIMIT })),
    ["model", "device"],
  );
  return (
    <div class="page">
      <ModelsHead at="models">
        {view.data && view.data.models.length > 0 && (
          <select
            class="input select state-filter"
            aria-label="State"
            value={state}
            onChange={(e) => {
              const q = new URLSearchParams(query);
              if (e.currentTarget.value) q.set("state", e.currentTarget.value);
              else q.delete("state");
              go(withQuery("/models", q), { replace: true });
            }}
          >
            <option value="">Any state</option>
            {model_state_words.map((s) => (
              <option key={s} value={s}>
                {modelStateText[s]}
              </option>
            ))}
          </select>
        )}
      </ModelsHead>
      <Asked view={view} what="Models" waiting={<Skeleton lines={4} tall />}>
        {({ models: all }) => {
          if (!all.length) return <NoModels />;
          const shown = all.filter((m) => !state || m.state === state);
          if (!shown.length)
            return (
              <Empty title="Nothing matches">
                <p>No model is {modelStateText[state as ModelState]?.toLowerCase() ?? state}.</p>
                <a class="button" href="/models">
                  Show all
                </a>
              </Empty>
            );
          return [...namesOf(shown)].map(([name, own]) => (
            <section key={name} class="model-name" aria-label={name}>
              <h2>
                <bdi>{name}</bdi>{" "}
                <span class="quiet num">{many(own.length, "version")}</span>
              </h2>
              <ul class="devices models">
                {own.map((m) => (
                  <ModelRow key={m.digest} one={m} />
                ))}
              </ul>
            </section>
          ));
        }}
      </Asked>
    </div>
  );
}

/** By name as they come (newest first); within a name the champion stands first. */
function namesOf(all: Model[]): Map<string, Model[]> {
  const names = new Map<string, Model[]>();
  for (const m of all) names.set(m.name, [...(names.get(m.name) ?? []), m]);
  const rank: Record<ModelState, number> = { champion: 0, candidate: 1, retired: 2 };
  for (const own of names.values())
    own.sort((a, b) => rank[a.state] - rank[b.state] || b.version - a.version);
  return names;
}

export function ModelSign({ of }: { of: ModelState }) {
  return (
    <span class={`sign model-${of}`}>
      <i />
      {modelStateText[of]}
    </span>
  );
}

function ModelRow({ one }: { one: Model }) {
  return (
    <li class={`model model-is-${one.state}`}>
      <div class="model-who">
        <a class="model-link" href={`/models/${one.digest}`}>
          <span class="num">v{one.version}</span>{" "}
          <span class="unseen">of {one.name}</span>
        </a>
        <ModelSign of={one.state} />
        {one.forced && <span class="chip chip-warn">Forced</span>}
      </div>
      <dl class="model-facts">
        <div>
          <dt>Runs on</dt>
          <dd class="num">{one.devices ? many(one.devices, "device") : "no device"}</dd>
        </div>
        <div>
          <dt>Classes</dt>
          <dd title={one.classes.join(", ")}>{classesText(one.classes)}</dd>
        </div>
        <div>
          <dt>Threshold</dt>
          <dd class="num">{percent(one.score_min)}</dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd class="num">{bytesText(one.bytes)}</dd>
        </div>
        <div>
          <dt>Registered</dt>
          <dd>
            <Ago at={one.registered_at} suffix=" ago" />
          </dd>
        </div>
      </dl>
      <span class="mono quiet small model-digest" title={one.digest}>
        {shortDigest(one.digest)}
      </span>
    </li>
  );
}
export function classesText(classes: string[]): string {
  const first = classes.slice(0, 2).join(", ");
  return classes.length > 2 ? `${first} and ${classes.length - 2} more` : first || "none";
}

function NoModels() {
  return (
    <Empty title="No models yet" art={<ModelsIcon />}>
      <p>
        A model comes here when a training run in the Lab is registered, or when somebody pushes one
        to this hub's registry. Each is signed, and remembers what it was made from.
      </p>
      <a class="button" href="/lab/runs">
        To the runs of the Lab
      </a>
    </Empty>
  );
}
