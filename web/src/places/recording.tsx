// Ranges of a camera's recording: asked for, on their way, played. Times are typed and read in the site's zone.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Media } from "../contract.gen";
import { api } from "../api/client";
import { Ago, Asked, FailureBox, Skeleton, useSending, When } from "../pieces/basics";
import { Close, Download, Play } from "../pieces/icons";
import { amend, useAsk, type View } from "../state/ask";
import { useApp, useNow } from "../state/app";
import { bytesText } from "../logic/opswords";
import {
  isLate,
  lookEvery,
  mediaText,
  overlaps,
  rangeWrong,
  type Range,
} from "../logic/recordwords";
import { clock, fieldOf, lasted, momentOf, zoneName } from "../logic/time";
import { blobUrl } from "./lab/hub";

interface List {
  media: Media[];
}
const SHOWN = 5;

/** The line tells when a file has come, not when a device has said no: what is pending is looked after. */
function useWishes(device: string, camera: string): { key: string; view: View<List> } {
  const key = `media/${device}/${camera}`;
  const view = useAsk<List>(key, () => api.media(device, camera), ["pool"]);
  const reload = useRef(view.reload);
  reload.current = view.reload;
  const everyMs = lookEvery(view.data?.media ?? [], Date.now());
  useEffect(() => {
    const look = () => !document.hidden && reload.current();
    document.addEventListener("visibilitychange", look);
    const timer = everyMs ? window.setInterval(look, everyMs) : 0;
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [everyMs]);
  return { key, view };
}

export function RecordingPanel({
  device,
  camera,
  range,
  only = false,
  close,
}: {
  device: string;
  camera: string;
  /** What the fields say at first. */
  range: Range;
  /** Only what was asked for of this range is listed. */
  only?: boolean;
  close?: () => void;
}) {
  const { user } = useApp();
  const { key, view } = useWishes(device, camera);
  const [opened, open] = useState<string>();
  const asked = (one: Media) => {
    amend<List>(key, (list) => ({ media: [one, ...list.media.filter((m) => m.id !== one.id)] }));
    open(one.id);
  };
  return (
    <section class="card recording" aria-label={only ? "Recording around it" : "Recording"}>
      <div class="card-head">
        <h2>{only ? "Recording around it" : "Recording"}</h2>
        {close && (
          <button type="button" class="icon-button" aria-label="Close the recording" onClick={close}>
            <Close />
          </button>
        )}
      </div>
      {user?.role === "viewer" ? (
        <p class="quiet">You may look at what is here; operators ask for more.</p>
      ) : (
        <AskForm
          device={device}
          camera={camera}
          range={range}
          lasts={!only}
          asked={asked}
          refused={view.reload}
        />
      )}
      <Asked view={view} what="What was asked for" waiting={<Skeleton lines={2} />}>
        {({ media }) => (
          <Wishes
            all={only ? media.filter((m) => overlaps(m, range)) : media}
            opened={opened}
            open={open}
            only={only}
          />
        )}
      </Asked>
    </section>
  );
}

const LASTS_MIN = [1, 5, 15];

function AskForm({
  device,
  camera,
  range,
  lasts,
  asked,
  refused,
}: {
  device: string;
  camera: string;
  range: Range;
  lasts: boolean;
  asked: (one: Media) => void;
  refused: () => void;
}) {
  const [form, set] = useState({ from: fieldOf(range.from), to: fieldOf(range.to) });
  const { busy, failure, send } = useSending();
  const now = useNow();
  const [from, to] = [momentOf(form.from), momentOf(form.to)];
  const wrong = rangeWrong(from, to, now);
  const submit = (e: Event) => {
    e.preventDefault();
    if (wrong || busy || from === undefined || to === undefined) return;
    const wish = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    send(() =>
      api.askMedia(device, camera, wish).then(asked, (error: unknown) => {
        refused();
        throw error;
      }),
    );
  };
  const last = (minutes: number) => {
    const end = Date.now();
    set({ from: fieldOf(end - minutes * 60_000), to: fieldOf(end) });
  };
  return (
    <form class="wish-form" onSubmit={submit}>
      <TimeField label="From" value={form.from} change={(v) => set({ ...form, from: v })} />
      <TimeField label="To" value={form.to} change={(v) => set({ ...form, to: v })} />
      <button class="button primary" type="submit" disabled={busy || Boolean(wrong)}>
        {busy ? "Asking" : "Ask for it"}
      </button>
      <p class="wish-note small">
        {wrong ? (
          <span class="bad-text" role="status">
            {wrong}
          </span>
        ) : (
          <span class="quiet num">{lasted(from ?? 0, to ?? 0)}</span>
        )}{" "}
        <span class="quiet">Times of {zoneName()}.</span>
        {lasts && (
          <span class="wish-lasts" role="group" aria-label="The last minutes">
            {LASTS_MIN.map((m) => (
              <button key={m} type="button" class="link small" onClick={() => last(m)}>
                Last {m} min
              </button>
            ))}
          </span>
        )}
      </p>
      {failure && (
        <FailureBox failure={failure} title="The recording could not be asked for." />
      )}
    </form>
  );
}

function TimeField({
  label,
  value,
  change,
}: {
  label: string;
  value: string;
  change: (value: string) => void;
}) {
  return (
    <label class="field">
      {label}
      <input
        class="input num"
        type="datetime-local"
        step={1}
        value={value}
        onInput={(e) => change(e.currentTarget.value)}
      />
    </label>
  );
}

function Wishes({
  all,
  opened,
  open,
  only,
}: {
  all: readonly Media[];
  opened: string | undefined;
  open: (id: string | undefined) => void;
  only: boolean;
}) {
  const [whole, show] = useState(false);
  if (!all.length)
    return (
      <p class="quiet small wishes-none">
        {only
          ? "Nothing of this time was asked for yet."
          : "Nothing was asked for yet. The device cuts what it still has and sends it as an MP4."}
      </p>
    );
  const rows = whole ? all : all.slice(0, SHOWN);
  return (
    <>
      <ul class="wishes" aria-live="polite">
        {rows.map((one) => (
          <Wish
            key={one.id}
            one={one}
            opened={opened === one.id}
            turn={() => open(opened === one.id ? undefined : one.id)}
          />
        ))}
      </ul>
      {rows.length < all.length && (
        <button type="button" class="link" onClick={() => show(true)}>
          Show all {all.length}
        </button>
      )}
    </>
  );
}

const signOf: Record<Media["state"], string> = {
  asked: "connecting",
  coming: "connecting",
  here: "live",
  failed: "failed",
  deleted: "ended",
};

function Wish({ one, opened, turn }: { one: Media; opened: boolean; turn: () => void }) {
  const here = one.state === "here" && one.digest !== undefined;
  const shown = here && opened;
  const from = one.start ?? one.from;
  const to = one.end ?? one.to;
  return (
    <li class={`wish wish-${one.state}`}>
      <div class="wish-text">
        <p class="wish-line">
          <span class="wish-range num">
            <When at={from} /> – {clock(to)}
          </span>
          <span class={`sign sign-${signOf[one.state]}`}>
            <i />
            {mediaText[one.state]}
          </span>
        </p>
        <p class="quiet small">
          <span class="num">{lasted(Date.parse(from), Date.parse(to))}</span>
          {one.bytes !== undefined && (
            <>
              {" "}
              · <span class="num">{bytesText(one.bytes)}</span>
            </>
          )}{" "}
          · asked by <bdi>{one.asked_by}</bdi> <Ago at={one.asked_at} suffix=" ago" />
        </p>
        <WishWhy one={one} />
      </div>
      {here && (
        <p class="wish-buttons">
          <button type="button" class="button" aria-expanded={shown} onClick={turn}>
            {shown ? <Close /> : <Play />}
            {shown ? "Close" : "Play"}
          </button>
          <a
            class="button"
            href={blobUrl(one.digest ?? "")}
            download={`${one.camera}-${fieldOf(from).replaceAll(":", "")}.mp4`}
            aria-label={`Save the recording from ${clock(from)}`}
          >
            <Download />
            Save
          </a>
        </p>
      )}
      {shown && <Film one={one} />}
    </li>
  );
}

function WishWhy({ one }: { one: Media }) {
  if (one.state === "deleted")
    return <p class="small wish-why">It was here; the retention rules have removed it.</p>;
  if (one.state === "here" && one.start && one.end && isCutShort(one))
    return (
      <p class="small wish-why">
        The device had no more of <span class="num">{clock(one.from)}</span> –{" "}
        <span class="num">{clock(one.to)}</span>.
      </p>
    );
  if (isLate(one, Date.now()))
    return (
      <p class="small wish-why">
        No word of it from the device yet. If it started again meanwhile, it has to be asked once
        more.
      </p>
    );
  if (one.state !== "failed") return null;
  return (
    <p class="small wish-why" dir="auto">
      {one.why ?? "The device did not say why."}
      {one.hint && <span class="quiet"> {one.hint}</span>}
    </p>
  );
}
const SHORT_MS = 3000;
function isCutShort(one: Media): boolean {
  return (
    Date.parse(one.start ?? one.from) - Date.parse(one.from) > SHORT_MS ||
    Date.parse(one.to) - Date.parse(one.end ?? one.to) > SHORT_MS
  );
}

/** The clock under the picture is the site's, of the picture that is shown. */
function Film({ one }: { one: Media }) {
  const [at, set] = useState(0);
  const [failed, fail] = useState(false);
  const video = useRef<HTMLVideoElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.style.setProperty("aspect-ratio", `${one.width || 4} / ${one.height || 3}`);
  }, [failed]);
  if (failed)
    return (
      <p class="wish-film-none" role="alert">
        It cannot be played here: this browser may lack the camera's coding. Save it and open it with
        a player.
      </p>
    );
  return (
    <div class="wish-film">
      <div class="wish-screen" ref={box}>
        <video
          ref={video}
          src={blobUrl(one.digest ?? "")}
          controls
          playsInline
          muted
          preload="auto"
          aria-label={`Recording of ${one.camera} from ${clock(one.start ?? one.from)}`}
          onLoadedMetadata={() => void video.current?.play().catch(() => undefined)}
          onTimeUpdate={(e) => set(e.currentTarget.currentTime)}
          onError={() => fail(true)}
        />
      </div>
      <output class="num small" title="when the picture that is shown was taken">
        {clock(Date.parse(one.start ?? one.from) + at * 1000)}
      </output>
    </div>
  );
}
