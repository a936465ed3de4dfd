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

export function FleetReasons({ one }: { one: FleetDevice }) {
  if (!one.reasons.length) return null;
  return (
    <ul class="fleet-reasons">
      {one.reasons.map((r) => (
        <li key={`${r.what}${r.fact}`}>
          <SeverityMark of={r.severity} size={12} />
          <span>
            <span class="fleet-fact" dir="auto">
              {r.fact}
            </span>
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

export const modelName = (m: FleetModel | undefined): string =>
  m?.name ?? (m?.digest ? shortDigest(m.digest) : "–");

/** In use, and beside it what it is meant to use when that is another. */
export function FleetModels({ one }: { one: FleetDevice }) {
  const { model_meant: meant, model_in_use: used } = one;
  const differ = meant?.digest !== undefined && meant.digest !== used?.digest;
  return (
    <>
      {used?.digest ? (
        <a href={`/models/${used.digest}`}>
          <bdi>{modelName(used)}</bdi>
        </a>
      ) : (
        <bdi>{modelName(used)}</bdi>
      )}
      {differ && (
        <span class="warn-text small fleet-meant">
          meant:{" "}
          <a href={`/models/${meant.digest}`}>
            <bdi>{modelName(meant)}</bdi>
          </a>
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
          {one.disk_free_bytes === undefined ? "–" : bytesText(one.disk_free_bytes)}
        </dd>
      </div>
      <div>
        <dt>Clock</dt>
        <dd class="num">
          {one.clock_skew_ms === undefined ? "–" : `${(one.clock_skew_ms / 1000).toFixed(1)} s off`}
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
