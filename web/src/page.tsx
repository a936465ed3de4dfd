// The shell: rail on a desk, bar on a phone, the line's state, notices; in it one place.
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import * as icons from "./pieces/icons";
import { Dialog, FailureBox } from "./pieces/basics";
import { keysOf } from "./pieces/keys";
import { later } from "./pieces/later";
import { closeNotice, start, useApp, useNow } from "./state/app";
import { undoLast } from "./state/decide";
import { useRoute, type Route } from "./state/route";
import { clock, lasted, zoneName } from "./logic/time";
import { IncidentsPlace } from "./places/incidents";
import { CamerasPlace } from "./places/cameras";
import { DevicesPlace } from "./places/devices";
import { DeliveriesPlace } from "./places/deliveries";
import { SettingsPlace } from "./places/settings";
import { SignIn } from "./places/signin";

/** Loaded when it is first looked at: whoever decides incidents never waits for the Lab. */
const Lab = later(() => import("./places/lab/lab").then((m) => m.LabPlace));
const Models = later(() => import("./places/models/models").then((m) => m.ModelsPlace));
const Rollouts = later(() => import("./places/models/rollouts").then((m) => m.RolloutsPlace));
const Score = later(() => import("./places/score").then((m) => m.ScorePlace));
const Watch = later(() => import("./places/watch/watch").then((m) => m.WatchPlace));
const Overview = later(() => import("./places/overview").then((m) => m.OverviewPlace));

interface Place {
  name: string;
  title: string;
  icon: () => ComponentChildren;
  show: (route: Route) => ComponentChildren;
  /** It has an address of its own and stands under this place of the rail. */
  within?: string;
  /** On a phone it is one of the four in reach; the others are behind "More". */
  near?: boolean;
}
const places: Place[] = [
  {
    name: "incidents",
    title: "Incidents",
    icon: icons.Incidents,
    near: true,
    show: (route) => <IncidentsPlace route={route} />,
  },
  {
    name: "overview",
    title: "Overview",
    icon: icons.Overview,
    show: (route) => <Overview route={route} />,
  },
  {
    name: "cameras",
    title: "Cameras",
    icon: icons.Cameras,
    near: true,
    show: (route) => <CamerasPlace route={route} />,
  },
  {
    name: "lab",
    title: "Lab",
    icon: icons.Lab,
    near: true,
    show: (route) => <Lab route={route} />,
  },
  {
    name: "models",
    title: "Models",
    icon: icons.Models,
    show: (route) => <Models route={route} />,
  },
  {
    name: "rollouts",
    title: "Rollouts",
    icon: icons.Models,
    within: "models",
    show: (route) => <Rollouts route={route} />,
  },
  {
    name: "score",
    title: "Try a picture",
    icon: icons.Models,
    within: "models",
    show: (route) => <Score route={route} />,
  },
  {
    name: "devices",
    title: "Devices",
    icon: icons.Devices,
    show: (route) => <DevicesPlace route={route} />,
  },
  {
    name: "watch",
    title: "Watch",
    icon: icons.Watch,
    near: true,
    show: (route) => <Watch route={route} />,
  },
  {
    name: "deliveries",
    title: "Deliveries",
    icon: icons.Deliveries,
    show: (route) => <DeliveriesPlace route={route} />,
  },
  { name: "settings", title: "Settings", icon: icons.Settings, show: () => <SettingsPlace /> },
];

const railed = places.filter((p) => !p.within);

export function Page() {
  const app = useApp();
  const route = useRoute();
  const place = places.find((p) => p.name === route.place);
  useEffect(() => {
    document.title = `${place?.title ?? "Not here"} · ${app.health?.site ?? "Vedette"}`;
  }, [place?.title, app.health?.site]);
  if (app.startFailure) {
    return (
      <main class="alone">
        <icons.Mark size={44} />
        <FailureBox failure={app.startFailure} retry={() => void start()} />
      </main>
    );
  }
  if (app.user === undefined)
    return (
      <main class="alone" aria-busy="true" aria-label="Loading">
        <icons.Mark size={44} />
      </main>
    );
  if (app.user === null) return <SignIn />;
  return (
    <>
      <div class={`shell line-${app.line.state}${route.rest.length ? " deep" : ""}`}>
        <a
          class="skip"
          href="#place"
          onClick={(e) => {
            e.preventDefault();
            document.getElementById("place")?.focus();
          }}
        >
          Skip to the content
        </a>
        <Rail at={place?.within ?? route.place} />
        <div class="main">
          <LineBanner />
          <main id="place" class={`place place-${route.place}`} tabIndex={-1}>
            {place ? place.show(route) : <NotHere />}
          </main>
        </div>
      </div>
      <Notices />
      <KeysHelp />
      {app.again && <SignIn again={app.user.name} />}
    </>
  );
}

function NotHere() {
  return (
    <div class="detail-none">
      <p>There is nothing at this address.</p>
      <a class="button" href="/incidents">
        To the incidents
      </a>
    </div>
  );
}

function Rail({ at }: { at: string }) {
  const { health } = useApp();
  return (
    <nav class="rail" aria-label="Places">
      <a class="rail-mark" href="/incidents" aria-label={`Vedette, ${health?.site ?? ""}`}>
        <icons.Mark />
        <span class="rail-site">
          <bdi>{health?.site}</bdi>
        </span>
      </a>
      <ul>
        {railed.map((p) => (
          <li key={p.name} class={p.near ? undefined : "rail-far"}>
            <RailLink of={p} at={at} />
          </li>
        ))}
        <li class="rail-more">
          <More at={at} />
        </li>
      </ul>
      <div class="rail-foot">
        <LineSign />
        <span class="zone-said" title="All times on this page are in the site's zone">
          Times: {zoneName().replaceAll("/", "/\u200b")}
        </span>
      </div>
    </nav>
  );
}

function RailLink({ of: p, at, go }: { of: Place; at: string; go?: () => void }) {
  return (
    <a
      href={`/${p.name}`}
      class="rail-link"
      aria-current={at === p.name ? "page" : undefined}
      onClick={go}
    >
      <p.icon />
      <span>{p.title}</span>
    </a>
  );
}

/** On a phone: the places that are not in reach of the thumb, one tap away. */
function More({ at }: { at: string }) {
  const [open, set] = useState(false);
  const far = railed.filter((p) => !p.near);
  const here = far.find((p) => p.name === at);
  return (
    <>
      <button
        type="button"
        class="rail-link"
        aria-haspopup="dialog"
        aria-current={here ? "page" : undefined}
        onClick={() => set(true)}
      >
        {here ? <here.icon /> : <icons.More />}
        <span>{here ? here.title : "More"}</span>
      </button>
      {open && (
        <Dialog title="More" close={() => set(false)}>
          <ul class="more-places">
            {far.map((p) => (
              <li key={p.name}>
                <RailLink of={p} at={at} go={() => set(false)} />
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}

const lineText = {
  connecting: "connecting",
  live: "live",
  stale: "stale",
  offline: "offline",
} as const;

function LineSign() {
  const { line } = useApp();
  return (
    <span
      class={`line-sign line-sign-${line.state}`}
      role="status"
      aria-label={`Connection to the hub: ${lineText[line.state]}`}
    >
      <i />
      {lineText[line.state]}
    </span>
  );
}

function LineBanner() {
  const { line } = useApp();
  const now = useNow();
  if (line.state === "live" || line.state === "connecting") return null;
  const since = (
    <>
      What you see is as of <span class="num">{clock(line.heardAt)}</span>,{" "}
      <span class="num">{lasted(line.heardAt, Math.max(now, line.heardAt))}</span> old.
    </>
  );
  return (
    <div class={`line-banner line-banner-${line.state}`} role="status">
      {line.state === "stale" ? (
        <>
          <strong>No word from the hub.</strong> {since} Trying again.
        </>
      ) : (
        <>
          <strong>Offline.</strong> {since} You can go on reading what is loaded, and decide when
          the hub is back.
        </>
      )}
    </div>
  );
}

function Notices() {
  const { notices } = useApp();
  return (
    <div class="notices" aria-live="polite">
      {notices.map((n) => (
        <div key={n.id} class={`notice notice-${n.tone}`}>
          {n.tone === "done" && <icons.Check />}
          <span>{n.text}</span>
          {n.undo && (
            <button
              type="button"
              class="link"
              onClick={() => {
                n.undo?.();
                closeNotice(n.id);
              }}
            >
              Undo<kbd class="desk-only">u</kbd>
            </button>
          )}
          <button
            type="button"
            class="icon-button"
            aria-label="Close"
            onClick={() => closeNotice(n.id)}
          >
            <icons.Close />
          </button>
        </div>
      ))}
    </div>
  );
}

const allKeys: [string, string][] = [
  ["j  k", "next, previous incident"],
  ["a", "acknowledge"],
  ["r", "resolve, with a note"],
  ["1 – 5", "resolve: true, false alarm, wrong class, duplicate, not actionable"],
  ["u", "take the last decision back"],
  ["c", "picture or clip"],
  ["p", "play, pause"],
  [",  .", "a frame back, on"],
  ["b", "boxes"],
  ["z", "zone"],
  ["/", "search"],
  ["Esc", "back"],
  ["?", "these keys"],
];

function KeysHelp() {
  const [open, set] = useState(false);
  useEffect(() => keysOf({ "?": () => set(true), u: undoLast }), []);
  if (!open) return null;
  return (
    <Dialog title="Keys" close={() => set(false)}>
      <dl class="keys">
        {allKeys.map(([key, text]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      <div class="dialog-foot">
        <button type="button" class="button" onClick={() => set(false)}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
