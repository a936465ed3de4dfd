// The Lab: pictures become labels, labels a dataset, a dataset a trained model.
import type { Route } from "../../state/route";
import { Empty } from "../../pieces/basics";
import { DatasetsPlace } from "./datasets";
import { LabHead } from "./head";
import { LabelPlace } from "./label";
import { PoolPlace } from "./pool";
import { RunsPlace } from "./runs";

/** Each part brings its own head, because what can be done stands there. */
export function LabPlace({ route }: { route: Route }) {
  const at = route.rest[0] ?? "pool";
  return <div class={`lab lab-${at}`}>{part(at, route)}</div>;
}

function part(at: string, route: Route) {
  if (at === "pool") return <PoolPlace route={route} />;
  if (at === "label") return <LabelPlace route={route} />;
  if (at === "datasets") return <DatasetsPlace route={route} />;
  if (at === "runs") return <RunsPlace route={route} />;
  return (
    <>
      <LabHead at="" />
      <div class="lab-body">
        <Empty title="There is nothing at this address">
          <a class="button" href="/lab/pool">
            To the pool
          </a>
        </Empty>
      </div>
    </>
  );
}
