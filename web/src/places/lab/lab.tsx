// The Lab: pictures become labels, labels a dataset, a dataset a trained model.
import type { Route } from "../../state/route";
import { Empty } from "../../pieces/basics";
import { LabelPlace } from "./label";
import { PoolPlace } from "./pool";

const parts = [
  { name: "pool", title: "Pool" },
  { name: "label", title: "Label" },
  { name: "datasets", title: "Datasets" },
  { name: "runs", title: "Runs" },
] as const;

export function LabPlace({ route }: { route: Route }) {
  const at = route.rest[0] ?? "pool";
  return (
    <div class={`lab lab-${at}`}>
      <header class="lab-head">
        <h1 class="place-title">Lab</h1>
        <nav class="tabs" aria-label="Lab">
          {parts.map((p) => (
            <a
              key={p.name}
              class="tab"
              href={`/lab/${p.name}`}
              aria-current={at === p.name ? "page" : undefined}
            >
              {p.title}
            </a>
          ))}
        </nav>
      </header>
      <div class="lab-body">
        <Part at={at} route={route} />
      </div>
    </div>
  );
}

function Part({ at, route }: { at: string; route: Route }) {
  if (at === "pool") return <PoolPlace route={route} />;
  if (at === "label") return <LabelPlace route={route} />;
  return (
    <Empty title="There is nothing at this address">
      <a class="button" href="/lab/pool">
        To the pool
      </a>
    </Empty>
  );
}
