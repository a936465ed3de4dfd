// Devices: who is there, who is not and since when, and how a new one gets in.
import { useState } from "preact/hooks";
import type { Device, DevicePage, FleetDevice } from "../contract.gen";
import { severity_words } from "../contract.gen";
import { api } from "../api/client";
import {
  Ago,
  Asked,
  CopyText,
  Dialog,
  Empty,
  FailureBox,
  Skeleton,
  useSending,
} from "../pieces/basics";
import { Devices as DevicesIcon, Plus } from "../pieces/icons";
import { amend, refresh, useAsk } from "../state/ask";
import { notice, useApp } from "../state/app";
import type { Route } from "../state/route";
import { many } from "../logic/words";
import { OneDevice } from "./device";
import { FleetFacts, FleetReasons, FleetSummary, useFleet } from "./watch/fleet";

export function DevicesPlace({ route }: { route: Route }) {
  const { user } = useApp();
  const view = useAsk<DevicePage>("devices", () => api.devices(), ["device"]);
  const fleet = useFleet();
  const known = new Map(fleet.data?.devices.map((d) => [d.id, d]));
  const [adding, setAdding] = useState(false);
  const mayChange = user?.role === "administrator";
  const id = route.rest[0];
  if (id !== undefined)
    return (
      <Asked
        view={view}
        what="Devices"
        waiting={
          <div class="page">
            <Skeleton lines={4} />
          </div>
        }
      >
        {({ devices }) => (
          <OneDevice one={devices.find((d) => d.id === id)} id={id} mayChange={mayChange} />
        )}
      </Asked>
    );
  const add = mayChange && (
    <button type="button" class="button primary" onClick={() => setAdding(true)}>
      <Plus />
      Add a device
    </button>
  );
  return (
    <div class="page">
      <header class="page-head">
        <h1 class="place-title">Devices</h1>
        {view.data && view.data.devices.length > 0 && (
          <p class="quiet">
            <span class="num">
              {view.data.devices.filter((d) => d.connected).length} of {view.data.devices.length}
            </span>{" "}
            connected
            {fleet.data && (
              <>
                , <FleetSummary of={fleet.data} />
              </>
            )}
          </p>
        )}
        <span class="grow" />
        {add}
      </header>
      <Asked view={view} what="Devices" waiting={<Skeleton lines={4} />}>
        {({ devices }) =>
          devices.length === 0 ? (
            <Empty title="No devices yet" art={<DevicesIcon />}>
              <p>
                A device is a machine beside the cameras that runs the agent. Give it an identity,
                then start the agent with its connection string.
              </p>
              <pre>vedette device create yard-1{"\n"}vedette connection-string yard-1</pre>
            </Empty>
          ) : (
            <ul class="devices">
              {[...devices].sort(byNeed(known)).map((d) => (
                <DeviceRow key={d.id} one={d} fleet={known.get(d.id)} mayChange={mayChange} />
              ))}
            </ul>
          )
        }
      </Asked>
      {adding && <AddDevice close={() => setAdding(false)} />}
    </div>
  );
}

/** What is not as it should be comes first, the worst before the less bad. */
function byNeed(fleet: ReadonlyMap<string, FleetDevice>): (a: Device, b: Device) => number {
  const worst = (d: Device) => {
    const reason = fleet.get(d.id)?.reasons[0];
    if (reason && d.enabled) return severity_words.length - severity_words.indexOf(reason.severity);
    return d.enabled && !d.connected ? 1 : d.enabled ? 10 : 11;
  };
  return (a, b) => worst(a) - worst(b) || a.id.localeCompare(b.id, "en", { numeric: true });
}

const SKEW_WORTH_MS = 2000;

const stateOf = (d: Device) => (!d.enabled ? "disabled" : d.connected ? "live" : "away");
const stateWord = { live: "Connected", away: "Away", disabled: "Disabled" } as const;

export function DeviceSign({ one }: { one: Device }) {
  return (
    <span class={`sign sign-${stateOf(one)}`}>
      <i />
      {stateWord[stateOf(one)]}
    </span>
  );
}

function DeviceRow({
  one,
  fleet,
  mayChange,
}: {
  one: Device;
  fleet: FleetDevice | undefined;
  mayChange: boolean;
}) {
  return (
    <li class={`device device-${stateOf(one)}`}>
      <div class="device-who">
        <h2>
          <a href={`/devices/${encodeURIComponent(one.id)}`}>
            <bdi>{one.id}</bdi>
          </a>
        </h2>
        <DeviceSign one={one} />
      </div>
      <dl class="device-facts">
        <div>
          <dt>Last seen</dt>
          <dd>{one.last_seen_at ? <Ago at={one.last_seen_at} suffix=" ago" /> : "never"}</dd>
        </div>
        <div>
          <dt>Cameras</dt>
          <dd class="num">
            {fleet ? `${fleet.cameras_live} of ${fleet.cameras} live` : (one.camera_count ?? "–")}
          </dd>
        </div>
        {fleet ? (
          <FleetFacts one={fleet} />
        ) : (
          <div>
            <dt>Waiting</dt>
            <dd class="num">
              {one.queue_waiting === undefined ? "–" : many(one.queue_waiting, "event")}
            </dd>
          </div>
        )}
        <div>
          <dt>Version</dt>
          <dd class="num">{one.version ?? "–"}</dd>
        </div>
      </dl>
      <div class="device-warn">
        {fleet ? <FleetReasons one={fleet} /> : <DeviceWarnings one={one} />}
      </div>
      {mayChange && <DeviceActions one={one} />}
    </li>
  );
}

export function DeviceWarnings({ one }: { one: Device }) {
  return (
    <div class="device-warnings">
      {one.queue_dropped ? (
        <p class="warn-text">
          <span class="num">{many(one.queue_dropped, "event")}</span> dropped by its loss policy
        </p>
      ) : null}
      {one.clock_skew_ms !== undefined && Math.abs(one.clock_skew_ms) > SKEW_WORTH_MS ? (
        <p class="warn-text">
          Its clock is{" "}
          <span class="num">{(Math.abs(one.clock_skew_ms) / 1000).toFixed(1)} s</span>{" "}
          {one.clock_skew_ms > 0 ? "ahead" : "behind"}
        </p>
      ) : null}
    </div>
  );
}

export function DeviceActions({ one }: { one: Device }) {
  const [asking, setAsking] = useState<"disable" | "connection">();
  const { busy, failure, send } = useSending();
  const change = (enabled: boolean) =>
    send(async () => {
      const now = await api.updateDevice(one.id, { enabled });
      amend<DevicePage>("devices", (page) => ({
        devices: page.devices.map((d) => (d.id === now.id ? now : d)),
      }));
      refresh("device");
      setAsking(undefined);
      notice(enabled ? `${one.id} is enabled` : `${one.id} is disabled`);
    });
  return (
    <div class="device-actions">
      <button type="button" class="button small" onClick={() => setAsking("connection")}>
        Connection string
      </button>
      {one.enabled ? (
        <button type="button" class="button small" onClick={() => setAsking("disable")}>
          Disable
        </button>
      ) : (
        <button type="button" class="button small" disabled={busy} onClick={() => change(true)}>
          Enable
        </button>
      )}
      {failure && !asking && <FailureBox failure={failure} />}
      {asking === "connection" && <ShowConnection id={one.id} close={() => setAsking(undefined)} />}
      {asking === "disable" && (
        <Dialog title={`Disable ${one.id}?`} close={() => setAsking(undefined)}>
          <p>
            It is disconnected at once and refused until it is enabled again. It goes on watching,
            and keeps its events.
          </p>
          {failure && <FailureBox failure={failure} />}
          <div class="dialog-foot">
            <button type="button" class="button" onClick={() => setAsking(undefined)}>
              Cancel
            </button>
            <button
              type="button"
              class="button danger"
              disabled={busy}
              onClick={() => change(false)}
            >
              Disable
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Connection({ text, id }: { text: string; id: string }) {
  return (
    <>
      <p>
        Give this to the agent of{" "}
        <strong>
          <bdi>{id}</bdi>
        </strong>
        . Whoever has it can speak as this device: keep it like a password.
      </p>
      <CopyText text={text} label="Connection string" />
    </>
  );
}

function ShowConnection({ id, close }: { id: string; close: () => void }) {
  const [text, setText] = useState<string>();
  const { busy, failure, send } = useSending();
  const show = () => send(async () => setText((await api.deviceConnection(id)).connection_string));
  return (
    <Dialog title="Connection string" close={close}>
      {text ? (
        <Connection text={text} id={id} />
      ) : (
        <p>It holds the device's key. Show it only where nobody looks over your shoulder.</p>
      )}
      {failure && <FailureBox failure={failure} />}
      <div class="dialog-foot">
        <button type="button" class="button" onClick={close}>
          {text ? "Done" : "Cancel"}
        </button>
        {!text && (
          <button type="button" class="button primary" disabled={busy} onClick={show}>
            Show it
          </button>
        )}
      </div>
    </Dialog>
  );
}

function AddDevice({ close }: { close: () => void }) {
  const [id, setId] = useState("");
  const [text, setText] = useState<string>();
  const { busy, failure, send } = useSending();
  const create = () =>
    send(async () => {
      const made = await api.createDevice({ id: id.trim() });
      refresh("device");
      setText((await api.deviceConnection(made.id)).connection_string);
    });
  if (text) {
    return (
      <Dialog title="The device has an identity" close={close}>
        <Connection text={text} id={id.trim()} />
        <div class="dialog-foot">
          <button type="button" class="button primary" onClick={close}>
            Done
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Add a device" close={close}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          create();
        }}
      >
        <label class="field">
          <span>Name</span>
          <input
            class="input"
            required
            maxLength={128}
            pattern="[A-Za-z0-9\-._%#*?!\(\),:=@$']+"
            autocapitalize="none"
            spellcheck={false}
            autofocus
            value={id}
            onInput={(e) => setId(e.currentTarget.value)}
          />
        </label>
        <p class="quiet small">Letters, digits and - . _ % # * ? ! ( ) , : = @ $ '</p>
        {failure && <FailureBox failure={failure} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy || !id.trim()}>
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}
