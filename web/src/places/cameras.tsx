// Cameras: the last picture of each, asked for about once a second while it is looked at, and only then.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Camera, CameraPage } from "../contract.gen";
import { api, cameraPictureUrl } from "../api/client";
import { Ago, Asked, Empty, Skeleton, useFresh } from "../pieces/basics";
import { Vectors } from "../pieces/picture";
import { Back, Cameras as CamerasIcon } from "../pieces/icons";
import { useAsk } from "../state/ask";
import { useNow } from "../state/app";
import type { Route } from "../state/route";
import { ago, exact } from "../logic/time";
import { ruleText } from "../logic/rulewords";
import { cameraText, shortDigest } from "../logic/words";
import { later } from "../pieces/later";
import { RecentIncidents } from "./recent";
import { OtherModels, Refusals, ToldFacts, useTold } from "./told";

const Recording = later(() => import("./recording").then((m) => m.RecordingPanel));
const OLD_MS = 10_000;
const LAST_MS = 60_000;
const EVERY_MS = 1000;

export function CamerasPlace({ route }: { route: Route }) {
  const view = useAsk<CameraPage>("cameras", () => api.cameras(), ["camera", "incident"]);
  const [device, camera] = route.rest;
  return (
    <Asked
      view={view}
      what="Cameras"
      waiting={
        <div class="page">
          <h1 class="place-title">Cameras</h1>
          <div class="cards">
            <Skeleton tall />
            <Skeleton tall />
            <Skeleton tall />
          </div>
        </div>
      }
    >
      {({ cameras }) => {
        const one = cameras.find((c) => c.device === device && c.camera === camera);
        if (device && camera) return <OneCamera one={one} name={camera} />;
        return <AllCameras cameras={cameras} />;
      }}
    </Asked>
  );
}

function AllCameras({ cameras }: { cameras: readonly Camera[] }) {
  const live = cameras.filter((c) => c.state === "live").length;
  const sorted = [...cameras].sort(
    (a, b) =>
      Number(a.state === "live") - Number(b.state === "live") ||
      a.camera.localeCompare(b.camera, "en", { numeric: true }),
  );
  return (
    <div class="page">
      <header class="page-head">
        <h1 class="place-title">Cameras</h1>
        {cameras.length > 0 && (
          <p class="quiet">
            <span class="num">
              {live} of {cameras.length}
            </span>{" "}
            live
          </p>
        )}
      </header>
      {cameras.length === 0 ? (
        <Empty title="No cameras yet" art={<CamerasIcon />}>
          <p>
            Cameras appear when their device reports them. Name them in the agent's configuration,
            or in its twin:
          </p>
          <pre>{"cameras:\n  - id: yard\n    url: rtsp://camera.example/stream"}</pre>
          <p>
            <a href="/devices">See the devices</a>
          </p>
        </Empty>
      ) : (
        <div class="cards">
          {sorted.map((c) => (
            <CameraCard key={`${c.device}/${c.camera}`} one={c} />
          ))}
        </div>
      )}
    </div>
  );
}

const linkOf = (c: Camera) =>
  `/cameras/${encodeURIComponent(c.device)}/${encodeURIComponent(c.camera)}`;

function CameraCard({ one }: { one: Camera }) {
  return (
    <article class={`camera-card camera-${one.state}`} aria-label={`Camera ${one.camera}`}>
      <a class="camera-link" href={linkOf(one)} aria-label={`Open camera ${one.camera}`}>
        <LastPicture one={one} zone />
      </a>
      <div class="camera-text">
        <div class="camera-line">
          <h2>
            <bdi>{one.camera}</bdi>
          </h2>
          <CameraSign one={one} />
        </div>
        <p class="quiet camera-line">
          <span>
            <bdi>{one.device}</bdi>
            {!one.device_connected && (
              <>
                {" "}
                · <span class="warn-text">device away</span>
              </>
            )}
          </span>
          {one.open_incidents ? (
            <a class="open-count num" href={`/incidents?camera=${encodeURIComponent(one.camera)}`}>
              {one.open_incidents} open
            </a>
          ) : null}
        </p>
        <Trouble one={one} />
        <p class="quiet small camera-line">
          <span>
            {one.last_event_at ? (
              <>
                Last event <Ago at={one.last_event_at} suffix=" ago" />
              </>
            ) : (
              "No event yet"
            )}
          </span>
          {one.state === "live" && one.fps !== undefined && (
            <span class="num">{one.fps.toFixed(1)} / s</span>
          )}
        </p>
      </div>
    </article>
  );
}

function CameraSign({ one }: { one: Camera }) {
  return (
    <span class={`sign sign-${one.state}`}>
      <i />
      {cameraText[one.state]}
      {one.since && one.state !== "live" && (
        <span class="num">
          &nbsp;
          <Ago at={one.since} />
        </span>
      )}
    </span>
  );
}

function Trouble({ one }: { one: Camera }) {
  if (one.state === "live" || (!one.why && !one.hint)) return null;
  return (
    <div class="camera-trouble">
      <p dir="auto">{one.why}</p>
      {one.hint && (
        <p class="quiet" dir="auto">
          {one.hint}
        </p>
      )}
    </div>
  );
}

/** Painted on a canvas: no flicker between two pictures, nothing of ours in the address of an image. */
function useLastPicture(
  one: Camera,
  canvas: preact.RefObject<HTMLCanvasElement>,
): { capturedAt: number; none: boolean } {
  const [seen, set] = useState({ capturedAt: 0, none: false });
  const looked = useRef(false);
  useEffect(() => {
    const el = canvas.current;
    if (!el) return;
    let timer = 0;
    let stopped = false;
    const cut = new AbortController();
    const turn = async () => {
      const wait =
        looked.current && !document.hidden
          ? await fetchPicture(one, el, cut.signal, set)
          : EVERY_MS;
      if (!stopped) timer = window.setTimeout(() => void turn(), wait);
    };
    const watch = new IntersectionObserver((entries) => {
      const was = looked.current;
      looked.current = entries.some((e) => e.isIntersecting);
      if (!was && looked.current && !timer) void turn();
    });
    watch.observe(el);
    return () => {
      stopped = true;
      cut.abort();
      watch.disconnect();
      window.clearTimeout(timer);
    };
  }, [one.device, one.camera]);
  return seen;
}

type Seen = { capturedAt: number; none: boolean };
async function fetchPicture(
  one: Camera,
  el: HTMLCanvasElement,
  signal: AbortSignal,
  set: (s: Seen | ((s: Seen) => Seen)) => void,
): Promise<number> {
  try {
    const answer = await fetch(cameraPictureUrl(one.device, one.camera), {
      signal,
      credentials: "same-origin",
      cache: "no-store",
    });
    if (answer.status === 404) {
      set((s) => ({ ...s, none: !s.capturedAt }));
      return Math.max(EVERY_MS, 1000 * (Number(answer.headers.get("Retry-After")) || 2));
    }
    if (!answer.ok) return 5 * EVERY_MS;
    const picture = await createImageBitmap(await answer.blob());
    el.width = picture.width;
    el.height = picture.height;
    el.getContext("2d")?.drawImage(picture, 0, 0);
    picture.close();
    set({
      capturedAt: Date.parse(answer.headers.get("X-Captured-At") ?? "") || Date.now(),
      none: false,
    });
    return EVERY_MS;
  } catch {
    return 3 * EVERY_MS;
  }
}

function LastPicture({ one, zone }: { one: Camera; zone: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { capturedAt, none } = useLastPicture(one, canvas);
  const now = useNow();
  const fresh = useFresh();
  const old = capturedAt > 0 && (now - capturedAt > OLD_MS || !fresh);
  useEffect(() =>
    canvas.current?.parentElement?.style.setProperty(
      "aspect-ratio",
      one.width && one.height ? `${one.width} / ${one.height}` : "4 / 3",
    ),
  );
  return (
    <div class={`last-picture${old ? " old" : ""}`}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={
          capturedAt ? `Last picture of ${one.camera}` : `No picture of ${one.camera} yet`
        }
      />
      {zone && capturedAt > 0 && one.rules?.map((r) => <Vectors key={r.id} zone={r.points} />)}
      {capturedAt === 0 && (
        <span class="picture-none">{none ? "No picture yet" : "Waiting for a picture"}</span>
      )}
      {old && (
        <span class="picture-age num" title={exact(capturedAt)}>
          {ago(capturedAt, now)} old
        </span>
      )}
    </div>
  );
}

function OneCamera({ one, name }: { one: Camera | undefined; name: string }) {
  const back = (
    <a class="back" href="/cameras">
      <Back />
      Cameras
    </a>
  );
  if (!one)
    return (
      <div class="page">
        {back}
        <Empty title="This camera is not known">
          <p>
            No device reports a camera called <bdi>{name}</bdi>.
          </p>
        </Empty>
      </div>
    );
  return <KnownCamera key={linkOf(one)} one={one} back={back} />;
}

function KnownCamera({ one, back }: { one: Camera; back: ComponentChildren }) {
  const [zone, setZone] = useState(true);
  const [opened] = useState(Date.now);
  const told = useTold(one);
  return (
    <div class="page page-wide">
      {back}
      <header class="page-head">
        <h1 class="place-title">
          <bdi>{one.camera}</bdi>
        </h1>
        <CameraSign one={one} />
        <button
          type="button"
          class="switch switch-zone"
          aria-pressed={zone}
          onClick={() => setZone(!zone)}
        >
          Zone
        </button>
      </header>
      <Refusals one={one} told={told} />
      <div class="camera-wide camera-one">
        <LastPicture one={one} zone={zone} />
        <div class="detail-aside">
          {told?.refusals[0]?.why !== one.why && <Trouble one={one} />}
          <section class="card" aria-label="Camera">
            <dl class="facts">
              <dt>Device</dt>
              <dd>
                <a href={`/devices/${encodeURIComponent(one.device)}`}>
                  <bdi>{one.device}</bdi>
                </a>
                {one.device_connected ? "" : ", away"}
              </dd>
              <ToldFacts told={told} device={one.device} />
              <dt>Picture</dt>
              <dd class="num">
                {one.width && one.height ? `${one.width} × ${one.height}` : "–"}{" "}
                {one.codec && <span class="quiet">{one.codec}</span>}
              </dd>
              <dt>Rate</dt>
              <dd class="num">
                {one.fps === undefined ? "–" : `${one.fps.toFixed(1)} pictures a second`}
              </dd>
              <dt>Restarts</dt>
              <dd class="num">{one.restarts ?? 0}</dd>
              {one.model && (
                <>
                  <dt>Model</dt>
                  <dd>
                    <bdi>{one.model.name}</bdi>{" "}
                    <span class="mono quiet" title={one.model.digest}>
                      {shortDigest(one.model.digest)}
                    </span>
                    {told?.provider && <span class="quiet"> on {told.provider}</span>}
                  </dd>
                </>
              )}
              <OtherModels of={told?.others ?? []} />
              <dt>Last event</dt>
              <dd>
                {one.last_event_at ? (
                  one.last_incident ? (
                    <a href={`/incidents/${one.last_incident}?state=all`}>
                      <Ago at={one.last_event_at} suffix=" ago" />
                    </a>
                  ) : (
                    <Ago at={one.last_event_at} suffix=" ago" />
                  )
                ) : (
                  "none yet"
                )}
              </dd>
            </dl>
          </section>
          {one.rules?.map((r) => (
            <section key={r.id} class="card" aria-label={`Rule ${r.id}`}>
              <h2>
                Rule <bdi>{r.id}</bdi>
              </h2>
              <p class="why-text">
                <bdi>{ruleText(r)}</bdi>.
              </p>
            </section>
          ))}
          <RecentIncidents device={one.device} camera={one.camera} />
        </div>
        <div class="camera-recording">
          <Recording
            device={one.device}
            camera={one.camera}
            range={{ from: opened - LAST_MS, to: opened }}
          />
        </div>
      </div>
    </div>
  );
}
