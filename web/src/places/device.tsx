// One device: is it as it should be, since when, and what has it seen.
import type { Camera, CameraPage, Device, FleetDevice, Twin } from "../contract.gen";
import { api } from "../api/client";
import { Ago, Asked, Empty, Skeleton, When } from "../pieces/basics";
import { Back } from "../pieces/icons";
import { useAsk } from "../state/ask";
import { cameraText, many } from "../logic/words";
import { DeviceActions, DeviceSign, DeviceWarnings } from "./devices";
import { RecentIncidents } from "./recent";
import { diskText, FleetModels, FleetReasons, useFleet } from "./watch/fleet";

export function OneDevice({
  one,
  id,
  mayChange,
}: {
  one: Device | undefined;
  id: string;
  mayChange: boolean;
}) {
  const fleet = useFleet().data?.devices.find((d) => d.id === id);
  const back = (
    <a class="back" href="/devices">
      <Back />
      Devices
    </a>
  );
  if (!one)
    return (
      <div class="page">
        {back}
        <Empty title="This device is not known">
          <p>
            No identity is called <bdi>{id}</bdi>. It may have been deleted; its incidents are still{" "}
            <a href={`/incidents?state=all&device=${encodeURIComponent(id)}`}>among the others</a>.
          </p>
        </Empty>
      </div>
    );
  return (
    <div class="page">
      {back}
      <header class="page-head">
        <h1 class="place-title">
          <bdi>{one.id}</bdi>
        </h1>
        <DeviceSign one={one} />
        <span class="grow" />
        {mayChange && <DeviceActions one={one} />}
      </header>
      <div class="camera-wide">
        <div class="detail-main">
          <div class="device-warn">
            {fleet ? <FleetReasons one={fleet} /> : <DeviceWarnings one={one} />}
          </div>
          <CamerasOf device={one.id} />
          <RecentIncidents device={one.id} />
        </div>
        <div class="detail-aside">
          <DeviceCard one={one} fleet={fleet} />
          <TwinCard id={one.id} />
        </div>
      </div>
    </div>
  );
}

function DeviceCard({ one, fleet }: { one: Device; fleet: FleetDevice | undefined }) {
  return (
    <section class="card" aria-label="Device">
      <dl class="facts">
        <dt>Last seen</dt>
        <dd>{one.last_seen_at ? <Ago at={one.last_seen_at} suffix=" ago" /> : "never"}</dd>
        <dt>Version</dt>
        <dd class="num">{one.version ?? "–"}</dd>
        <dt>Waiting</dt>
        <dd class="num">
          {one.queue_waiting === undefined ? "–" : many(one.queue_waiting, "event")}
        </dd>
        <dt>Dropped</dt>
        <dd class="num">
          {one.queue_dropped === undefined ? "–" : many(one.queue_dropped, "event")}
        </dd>
        <dt>Clock</dt>
        <dd class="num">
          {one.clock_skew_ms === undefined
            ? "–"
            : `${(one.clock_skew_ms / 1000).toFixed(1)} s from the hub's`}
        </dd>
        {fleet && (
          <>
            <dt>Disk free</dt>
            <dd class="num">{diskText(fleet)}</dd>
            <dt>Model</dt>
            <dd>
              <FleetModels one={fleet} />
            </dd>
          </>
        )}
        <dt>Created</dt>
        <dd>
          <When at={one.created_at} />
        </dd>
      </dl>
    </section>
  );
}

function CamerasOf({ device }: { device: string }) {
  const view = useAsk<CameraPage>("cameras", () => api.cameras(), ["camera", "incident"]);
  return (
    <section class="card" aria-label="Its cameras">
      <h2>Cameras</h2>
      <Asked view={view} what="Its cameras" waiting={<Skeleton lines={2} />}>
        {({ cameras }) => {
          const own = cameras.filter((c) => c.device === device);
          if (!own.length) return <p class="quiet">It has not reported a camera yet.</p>;
          return (
            <ul class="own-cameras">
              {own.map((c) => (
                <OwnCamera key={c.camera} one={c} />
              ))}
            </ul>
          );
        }}
      </Asked>
    </section>
  );
}

function OwnCamera({ one }: { one: Camera }) {
  const to = `/cameras/${encodeURIComponent(one.device)}/${encodeURIComponent(one.camera)}`;
  return (
    <li>
      <a href={to}>
        <bdi>{one.camera}</bdi>
      </a>
      <span class={`sign sign-${one.state}`}>
        <i />
        {cameraText[one.state]}
      </span>
      <span class="quiet">
        {one.since ? (
          <>
            since <When at={one.since} />
          </>
        ) : null}
        {one.state !== "live" && one.why ? `: ${one.why}` : ""}
      </span>
      <span class="num quiet">
        {one.state === "live" && one.fps !== undefined ? `${one.fps.toFixed(1)} / s` : ""}
      </span>
    </li>
  );
}

/** What it was told to be and what it says it is, as they stand in its twin. */
function TwinCard({ id }: { id: string }) {
  const view = useAsk<Twin>(`twin/${id}`, () => api.twin(id), ["device", "camera"]);
  return (
    <section class="card" aria-label="Twin">
      <h2>Twin</h2>
      <Asked view={view} what="Its twin" waiting={<Skeleton lines={2} />}>
        {(twin) => (
          <div class="twin">
            <TwinPart name="Desired" of={twin.properties.desired} />
            <TwinPart name="Reported" of={twin.properties.reported} />
            <TwinPart name="Tags" of={twin.tags} />
          </div>
        )}
      </Asked>
    </section>
  );
}
function TwinPart({ name, of }: { name: string; of: Record<string, unknown> }) {
  const { $metadata: _, $version: version, ...own } = of;
  const empty = !Object.keys(own).length;
  return (
    <details>
      <summary>
        {name}{" "}
        <span class="quiet num">
          {empty ? "nothing" : many(Object.keys(own).length, "member")}
          {typeof version === "number" ? `, version ${version}` : ""}
        </span>
      </summary>
      {!empty && <pre>{JSON.stringify(own, null, 2)}</pre>}
    </details>
  );
}
