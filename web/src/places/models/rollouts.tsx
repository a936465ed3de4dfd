// Rollouts: a model's way to the devices, and whether it goes well.
import { useState } from "preact/hooks";
import type { Rollout, RolloutPage } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton } from "../../pieces/basics";
import { Models as ModelsIcon, Plus } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { useApp } from "../../state/app";
import type { Route } from "../../state/route";
import { many, shortDigest } from "../../logic/words";
import { rolloutText } from "../../logic/opswords";
import { models } from "./hub";
import { OneRollout } from "./rollout";
import { StartRollout } from "./start";
import { ModelsHead } from "./tabs";

export function RolloutsPlace({ route }: { route: Route }) {
  const id = route.rest[0];
  if (id) return <OneRollout key={id} id={id} />;
  return <RolloutList />;
}

function RolloutList() {
  const { user } = useApp();
  const [starting, setStarting] = useState(false);
  const view = useAsk<RolloutPage>(
    "rollouts",
    () => models.rollouts(new URLSearchParams({ limit: "200" })),
    ["rollout"],
  );
  const admin = user?.role === "administrator";
  const start = admin && (
    <button type="button" class="button primary" onClick={() => setStarting(true)}>
      <Plus />
      Roll out
    </button>
  );
  return (
    <div class="page">
      <ModelsHead at="rollouts">{start}</ModelsHead>
      <Asked view={view} what="Rollouts" waiting={<Skeleton lines={4} tall />}>
        {({ rollouts }) =>
          rollouts.length ? (
            <ul class="devices rollouts">
              {[...rollouts].sort(byNeed).map((r) => (
                <RolloutRow key={r.id} one={r} />
              ))}
            </ul>
          ) : (
            <Empty title="Nothing was rolled out yet" art={<ModelsIcon />}>
              <p>
                A rollout brings a registered model to the devices that meet a condition. One device
                goes first and proves it; the others follow in stages, and it stops by itself when
                something is not well.
              </p>
            </Empty>
          )
        }
      </Asked>
      {starting && <StartRollout close={() => setStarting(false)} />}
    </div>
  );
}

/** What goes on or stands still comes first, then by time. */
function byNeed(a: Rollout, b: Rollout): number {
  const need = (r: Rollout) =>
    r.state === "halted" ? 0 : r.state === "canary" || r.state === "stages" ? 1 : 2;
  return need(a) - need(b) || (a.started_at < b.started_at ? 1 : -1);
}

export function RolloutSign({ of }: { of: Rollout["state"] }) {
  return (
    <span class={`sign rollout-${of}`}>
      <i />
      {rolloutText[of]}
    </span>
  );
}

function RolloutRow({ one }: { one: Rollout }) {
  return (
    <li class="rollout">
      <div class="rollout-who">
        <a class="model-link" href={`/rollouts/${one.id}`}>
          <bdi>{one.model.name}</bdi>
        </a>
        <span class="mono quiet small">{shortDigest(one.model.digest).slice(0, 6)}</span>
        <RolloutSign of={one.state} />
      </div>
      <div class="rollout-what">
        <RolloutBar of={one} />
        <p class="quiet small">
          <span class="mono">{one.condition === "*" ? "every device" : one.condition}</span> ·{" "}
          <span class="num">
            {one.counts.active} of {many(one.counts.devices, "device")}
          </span>
          {one.counts.failed > 0 && (
            <span class="bad-text num"> · {one.counts.failed} failed</span>
          )}
        </p>
        {one.why && <p class="warn-text small">{one.why}</p>}
      </div>
      <span class="quiet small rollout-when">
        <span>
          <Ago at={one.started_at} suffix=" ago" />
        </span>
        <span>
          by <bdi>{one.started_by}</bdi>
        </span>
      </span>
    </li>
  );
}

const parts = ["active", "under_way", "failed", "returned", "waiting"] as const;

/** One bar, a piece for each kind of device, in the order in which they go well. */
export function RolloutBar({ of }: { of: Rollout }) {
  const total = Math.max(1, of.counts.devices);
  let x = 0;
  return (
    <svg
      class="rollout-bar"
      viewBox="0 0 100 8"
      preserveAspectRatio="none"
      role="img"
      aria-label={parts
        .filter((p) => of.counts[p])
        .map((p) => `${of.counts[p]} ${p.replace("_", " ")}`)
        .join(", ")}
    >
      <rect class="bar-ground" width="100" height="8" />
      {parts.map((p) => {
        const width = (of.counts[p] / total) * 100;
        const at = x;
        x += width;
        return width > 0 ? (
          <rect key={p} class={`bar-${p}`} x={at} width={width} height="8" />
        ) : null;
      })}
    </svg>
  );
}
