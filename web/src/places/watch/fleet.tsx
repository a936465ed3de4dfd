// What the fleet says of each device, for the Devices place: is it as it should be, and if not, why.
import type { Fleet, FleetDevice, FleetModel } from "../../contract.gen";
import { SeverityMark } from "../../pieces/icons";
import { useAsk, type View } from "../../state/ask";
import { many, shortDigest } from "../../logic/words";
import { bytesText, secondsText } from "../../logic/opswords";
import { watch } from "./hub";

/** An older hub has no fleet: the devices are then shown without it. */
export function useFleet(): View<Fleet> {
  return useAsk<Fleet>("fleet", () => watch.fleet(), [
    "device",
    "camera",
    "model",
    "rollout",
    "watch",
  ]);
}

export function FleetSummary({ of }: { of: Fleet }) {
  const wrong = of.devices.filter((d) => d.reasons.length > 0).length;
  if (!of.devices.length) return null;
  return wrong ? (
    <span class="warn-text">
      <span class="num">{many(wrong, "device")}</span> not as {wrong === 1 ? "it" : "they"} should
      be
    </span>
  ) : (
    <span class="quiet">all as they should be</span>
  );
}

/** Where the reason is looked into. */
const leads: Record<string, string> = { drift: "/watch", camera: "/cameras", model: "/rollouts" };

export function FleetReasons({ one }: { one: FleetDevice }) {
  if (!one.reasons.length) return null;
  return (
    <ul class="fleet-reasons">
      {one.reasons.map((r) => (
        <li key={`${r.what}${r.fact}`}>
          <SeverityMark of={r.severity} size={12} />
          <span>
            {leads[r.what] ? (
              <a class="fleet-fact" href={leads[r.what]} dir="auto">
                {capital(r.fact)}
              </a>
            ) : (
              <span class="fleet-fact" dir="auto">
                {capital(r.fact)}
              </span>
            )}
            {r.hint && (
              <span class="quiet" dir="auto">
                {" "}
                {r.hint}
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
export const diskText = (one: FleetDevice) =>
  one.disk_free_bytes === undefined ? "–" : bytesText(one.disk_free_bytes);
const SKEW_SEEN_MS = 100;
const skewText = (ms: number | undefined) =>
  ms === undefined
    ? "–"
    : Math.abs(ms) < SKEW_SEEN_MS
      ? "right"
      : `${(Math.abs(ms) / 1000).toFixed(1)} s ${ms > 0 ? "ahead" : "behind"}`;

const modelName = (m: FleetModel | undefined): string =>
  m?.name ?? (m?.digest ? shortDigest(m.digest) : "–");
const steps: Record<string, string> = {
  fetching: "fetching it",
  verifying: "checking it",
  installing: "installing it",
  warming: "warming up",
  testing: "testing itself",
  failed: "refused it",
  returned: "went back",
};

/** What is meant is named by its release: the device has it when it reports that release as active. */
function underWay(meant: FleetModel | undefined, used: FleetModel | undefined): string | undefined {
  if (!meant) return undefined;
  if (used?.release !== meant.release) return "not reported yet";
  return !used?.state || used.state === "active" ? undefined : (steps[used.state] ?? used.state);
}

/** In use, and beside it what it is meant to use while that is another. */
export function FleetModels({ one }: { one: FleetDevice }) {
  const { model_meant: meant, model_in_use: used } = one;
  const step = underWay(meant, used);
  return (
    <>
      {used?.digest ? (
        <a href={`/models/${used.digest}`}>
          <bdi>{modelName(used)}</bdi>{" "}
          <span class="mono quiet small">{used.digest.slice(0, 6)}</span>
        </a>
      ) : (
        <bdi>{modelName(used)}</bdi>
      )}
      {step && (
        <span class="warn-text small fleet-meant" title={used?.why}>
          meant:{" "}
          <a href="/rollouts">
            <bdi>{modelName(meant)}</bdi>
          </a>
          , {step}
        </span>
      )}
    </>
  );
}

export function FleetFacts({ one }: { one: FleetDevice }) {
  return (
    <>
      <div>
        <dt>Queue</dt>
        <dd class="num">
          {one.queue_waiting === undefined ? "–" : many(one.queue_waiting, "event")}
          {one.queue_oldest_s !== undefined && one.queue_oldest_s > 60 && (
            <span class="quiet"> oldest {secondsText(one.queue_oldest_s)}</span>
          )}
        </dd>
      </div>
      <div>
        <dt>Disk free</dt>
        <dd class="num">
          {diskText(one)}
        </dd>
      </div>
      <div>
        <dt>Clock</dt>
        <dd class="num">
          {skewText(one.clock_skew_ms)}
        </dd>
      </div>
      <div>
        <dt>Model</dt>
        <dd>
          <FleetModels one={one} />
        </dd>
      </div>
    </>
  );
}
