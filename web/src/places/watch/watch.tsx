// Watch: which cameras no longer look as they did, how, and since when.
import type { WatchCamera, WatchMethod, WatchPage } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton, When } from "../../pieces/basics";
import { Watch as WatchIcon } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import type { Route } from "../../state/route";
import { many } from "../../logic/words";
import { figure, secondsText, seriesText, watchText } from "../../logic/opswords";
import { blobUrl } from "../lab/hub";
import { watch } from "./hub";
import { WatchedCamera } from "./camera";

export function WatchPlace({ route }: { route: Route }) {
  const [device, camera] = route.rest;
  if (device && camera)
    return (
      <WatchedCamera
        key={`${device}/${camera}`}
        device={device}
        camera={camera}
        query={route.query}
      />
    );
  return <WatchList />;
}

function WatchList() {
  const view = useAsk<WatchPage>("watch", () => watch.cameras(), ["watch", "camera"]);
  const all = view.data?.cameras ?? [];
  const changed = all.filter((c) => c.state === "drifted").length;
  return (
    <div class="page">
      <header class="page-head">
        <h1 class="place-title">Watch</h1>
        {all.length > 0 && (
          <p class={changed ? "warn-text" : "quiet"}>
            {changed ? (
              <>
                <span class="num">{many(changed, "camera")}</span> changed
              </>
            ) : (
              <>
                <span class="num">{many(all.length, "camera")}</span>, none changed
              </>
            )}
          </p>
        )}
      </header>
      <Asked view={view} what="The cameras' statistics" waiting={<Skeleton lines={4} tall />}>
        {(page) =>
          page.cameras.length ? (
            <>
              <ul class="devices watched">
                {[...page.cameras].sort(byNeed).map((c) => (
                  <Row key={`${c.device}/${c.camera}`} one={c} />
                ))}
              </ul>
              <Method of={page.method} />
            </>
          ) : (
            <Empty title="No statistics yet" art={<WatchIcon />}>
              <p>
                Each camera tells once an hour how bright, sharp and colourful its pictures are and
                what was seen in them. When that no longer looks like its reference (a smeared lens,
                a turned camera, a dead lamp), it is shown here and opens an incident.
              </p>
            </Empty>
          )
        }
      </Asked>
    </div>
  );
}

/** What is not as it should be comes first, the strongest change before the weaker. */
function byNeed(a: WatchCamera, b: WatchCamera): number {
  const rank = { drifted: 0, silent: 1, learning: 2, steady: 3 } as const;
  const most = (c: WatchCamera) => Math.abs(c.changes[0]?.shift ?? 0);
  return (
    rank[a.state] - rank[b.state] ||
    most(b) - most(a) ||
    `${a.device}/${a.camera}`.localeCompare(`${b.device}/${b.camera}`, "en", { numeric: true })
  );
}

export function WatchSign({ of }: { of: WatchCamera["state"] }) {
  return (
    <span class={`sign watch-${of}`}>
      <i />
      {watchText[of]}
    </span>
  );
}
export const watchPath = (c: { device: string; camera: string }) =>
  `/watch/${encodeURIComponent(c.device)}/${encodeURIComponent(c.camera)}`;

function Row({ one }: { one: WatchCamera }) {
  return (
    <li class={`watched-row watched-${one.state}`}>
      <span class="watched-thumb">
        {one.picture ? (
          <img src={blobUrl(one.picture, 240)} alt="" loading="lazy" decoding="async" />
        ) : (
          <span class="thumb-blank" />
        )}
      </span>
      <div class="watched-who">
        <a class="model-link" href={watchPath(one)}>
          <bdi>{one.camera}</bdi>
        </a>
        <span class="quiet small">
          on <bdi>{one.device}</bdi>
        </span>
        <WatchSign of={one.state} />
      </div>
      <div class="watched-what">
        {one.state === "drifted" && one.changes.length ? (
          <ul class="changes">
            {one.changes.slice(0, 3).map((c) => (
              <li key={c.series}>
                <strong>{seriesText(c.series)}</strong>{" "}
                <span class="num">
                  {figure(c.was)} → {figure(c.now)}
                </span>{" "}
                <span class="quiet num">{shiftText(c.shift)}</span>
              </li>
            ))}
          </ul>
        ) : one.state === "learning" ? (
          <Learning one={one} />
        ) : (
          <p class="quiet">{one.text ?? "It looks as it did."}</p>
        )}
      </div>
      <span class="quiet small watched-since">
        <span>
          since <When at={one.since} />
        </span>
        {one.last_window_at && (
          <span>
            told <Ago at={one.last_window_at} suffix=" ago" />
          </span>
        )}
      </span>
    </li>
  );
}

/** "8.4 × its usual change": how far apart, in what this camera does from hour to hour. */
export const shiftText = (shift: number) => `${Math.abs(shift).toFixed(1)} × its usual change`;

export function Learning({ one }: { one: WatchCamera }) {
  const { windows, needed } = one.reference;
  return (
    <p class="quiet">
      Learns how it usually looks: <span class="num">{windows}</span> of{" "}
      <span class="num">{needed}</span> windows of {secondsText(one.window_s)}
      <progress
        class="learning"
        value={Math.min(windows, needed)}
        max={Math.max(1, needed)}
        aria-label="How much of the reference is there"
      />
    </p>
  );
}

function Method({ of }: { of: WatchMethod }) {
  return (
    <details class="method">
      <summary>
        At most{" "}
        <span class="num">
          {of.false_alarms_per_camera_year.toLocaleString("en", { maximumFractionDigits: 2 })}
        </span>{" "}
        {of.false_alarms_per_camera_year === 1 ? "false alarm" : "false alarms"} a camera and year
      </summary>
      <p class="quiet">{of.text}</p>
    </details>
  );
}
