// One incident: picture and clip first, then what, why, and what people did.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Event, IncidentDetail } from "../contract.gen";
import { api } from "../api/client";
import { Ago, Asked, FailureBox, Skeleton, When } from "../pieces/basics";
import { Clip } from "../pieces/clip";
import { HeldStage } from "../pieces/held";
import { Picture, Stage, Vectors } from "../pieces/picture";
import { Back, SeverityMark } from "../pieces/icons";
import { keysOf } from "../pieces/keys";
import {
  deciding,
  dismissTrouble,
  guessed,
  incidentKey,
  troubleOf,
  useDecisions,
} from "../state/decide";
import { useAsk } from "../state/ask";
import { useNow } from "../state/app";
import { withQuery } from "../state/route";
import { lasted } from "../logic/time";
import { isHeld } from "../logic/recordwords";
import { isOfThing, shapeText } from "../logic/rulewords";
import { historyText, stateText, verdictText, whoText } from "../logic/words";
import { Actions } from "./actions";
import { About, DeliveriesOf, HistoryOf, Why } from "./about";
import { RecordingAround } from "./around";

export function IncidentPlace({ id, query }: { id: string; query: URLSearchParams }) {
  useDecisions();
  const view = useAsk<IncidentDetail>(incidentKey(id), () => api.incident(id), ["incident"]);
  const missing = view.error?.status === 404;
  const back = (
    <a class="back phone-only" href={withQuery("/incidents", query)}>
      <Back />
      Incidents
    </a>
  );
  if (missing && !view.data) {
    return (
      <>
        {back}
        <div class="detail-none">
          <p>This incident is not here.</p>
          <p class="quiet">
            It may have been removed by the retention rules, or the address is cut short.
          </p>
          <a class="button" href="/incidents">
            Back to the list
          </a>
        </div>
      </>
    );
  }
  return (
    <Asked
      view={view}
      what="The incident"
      waiting={
        <>
          {back}
          <div class="detail-waiting">
            <div class="stage" />
            <Skeleton lines={5} />
          </div>
        </>
      }
    >
      {(data) => <Detail one={guessed(data)} back={back} />}
    </Asked>
  );
}

function Detail({ one, back }: { one: IncidentDetail; back: preact.ComponentChildren }) {
  const main =
    one.events.find((e) => e.evidence.some((v) => v.digest === one.snapshot)) ?? one.events[0];
  const [chosen, choose] = useState<string>();
  const event = one.events.find((e) => e.id === chosen) ?? main;
  const trouble = troubleOf(one.id);
  return (
    <article class="detail" aria-label={one.title}>
      {back}
      <header class="detail-head">
        <div class="detail-title">
          <h1 dir="auto">
            <SeverityMark of={one.severity} size={18} />
            <span>{one.title}</span>
          </h1>
          <p class="detail-sub">
            <StateChip one={one} /> <bdi>{one.camera}</bdi> · <When at={one.started_at} /> ·{" "}
            <Duration one={one} />
          </p>
        </div>
        <Actions one={one} busy={deciding(one.id)} />
      </header>
      {trouble && (
        <div class="trouble">
          {trouble.conflict ? (
            <Faster trouble={trouble.conflict} />
          ) : (
            <FailureBox failure={trouble.failure} retry={trouble.again} />
          )}
          <button class="link" type="button" onClick={() => dismissTrouble(one.id)}>
            Close
          </button>
        </div>
      )}
      <div class="detail-body">
        <div class="detail-main">
          <Evidence one={one} event={event} />
          {one.events.length > 1 && (
            <EventStrip events={one.events} chosen={event?.id} choose={choose} />
          )}
          <RecordingAround key={one.id} one={one} />
          {one.note && (
            <blockquote class="note" dir="auto">
              {one.note}
            </blockquote>
          )}
        </div>
        <div class="detail-aside">
          <About one={one} event={event} />
          {event && <Why event={event} />}
          <HistoryOf one={one} />
          <DeliveriesOf one={one} />
        </div>
      </div>
    </article>
  );
}

function StateChip({ one }: { one: IncidentDetail }) {
  const text =
    one.state === "resolved" && one.verdict ? verdictText[one.verdict] : stateText[one.state];
  return <span class={`chip chip-${one.state}`}>{text}</span>;
}

function Duration({ one }: { one: IncidentDetail }) {
  const now = useNow();
  if (one.ongoing)
    return <span class="ongoing num">going on for {lasted(Date.parse(one.started_at), now)}</span>;
  return (
    <span class="num">
      {lasted(Date.parse(one.started_at), Date.parse(one.ended_at ?? one.updated_at))}
    </span>
  );
}

/** Somebody was faster: who, what, when. The incident shown is already theirs. */
function Faster({
  trouble,
}: {
  trouble: NonNullable<ReturnType<typeof troubleOf>>["conflict"] & {};
}) {
  const told = trouble.changes.filter((c) => !c.who.startsWith("device:") && c.who !== "hub");
  const shown = told.length ? told : trouble.changes;
  return (
    <div class="faster" role="alert">
      <p class="failure-fact">Somebody was faster: your change was not made.</p>
      <ul>
        {shown.slice(-4).map((c) => (
          <li key={c.version}>
            <strong>
              <bdi>{whoText(c.who)}</bdi>
            </strong>{" "}
            {historyText[c.what]}
            {c.text ? (
              <>
                : <bdi>{c.text}</bdi>
              </>
            ) : null}
            , <Ago at={c.at} suffix=" ago" />
          </li>
        ))}
      </ul>
      <p class="quiet">What you see now is the latest. Decide again if you still want to.</p>
    </div>
  );
}

function Evidence({ one, event }: { one: IncidentDetail; event: Event | undefined }) {
  const [mode, setMode] = useState<"picture" | "clip">("picture");
  const [boxesOn, setBoxes] = useState(true);
  const [zoneOn, setZone] = useState(true);
  const picture = event?.evidence.find((e) => e.kind === "snapshot");
  const clip = event?.evidence.find((e) => e.kind === "clip");
  const digest = picture?.digest ?? one.snapshot;
  const shape = event?.rule?.points ?? one.zone_points;
  const zone = zoneOn ? shape : undefined;
  const metres = event?.kind === "proximity" ? event.properties?.distance_m : undefined;
  useEffect(
    () =>
      keysOf({
        b: () => setBoxes((on) => !on),
        z: () => setZone((on) => !on),
        c: () => setMode((m) => (m === "clip" ? "picture" : "clip")),
      }),
    [],
  );
  const clipHere = clip && clip.arrived !== false;
  const held = [mode === "clip" ? clip : picture].find(isHeld);
  const boxesHere = mode === "picture" || Boolean(event?.path?.length);
  return (
    <figure class="evidence">
      {held ? (
        <HeldStage
          key={held.digest}
          file={held}
          device={one.device}
          all={event?.evidence ?? []}
        />
      ) : mode === "clip" && clip && event ? (
        <Clip clip={clip} event={event} boxes={boxesOn} key={clip.digest}>
          <Vectors zone={zone} severity={one.severity} way={event.properties?.direction} />
        </Clip>
      ) : (
        <Stage of={picture}>
          {digest ? (
            <Picture
              key={digest}
              digest={digest}
              alt={`${one.title}, camera ${one.camera}`}
              overlay={{
                boxes: boxesOn ? (event?.boxes ?? one.boxes) : [],
                zone,
                severity: one.severity,
                scoreMin: event?.score_min,
                way: event?.properties?.direction,
                apart: zoneOn && boxesOn && metres ? `${metres} m` : undefined,
                own: isOfThing(event?.kind),
              }}
            />
          ) : (
            <div class="stage-none">
              <p>No picture yet.</p>
              <p class="quiet">The event came first; the device is still sending its picture.</p>
            </div>
          )}
        </Stage>
      )}
      <figcaption class="stage-bar">
        <div class="segments" role="group" aria-label="Evidence">
          <button
            type="button"
            class="segment"
            aria-pressed={mode === "picture"}
            onClick={() => setMode("picture")}
          >
            Picture
          </button>
          <button
            type="button"
            class="segment"
            aria-pressed={mode === "clip"}
            disabled={!clipHere && !isHeld(clip)}
            onClick={() => setMode("clip")}
            title={
              clipHere || isHeld(clip)
                ? "c"
                : clip
                  ? "The clip is still on its way from the device"
                  : "The clip comes when the event is over"
            }
          >
            Clip
          </button>
        </div>
        {!clipHere && mode === "picture" && <span class="quiet small">{clipText(clip)}</span>}
        <div class="switches">
          <button
            type="button"
            class="switch switch-box"
            aria-pressed={boxesOn && boxesHere}
            disabled={!boxesHere || Boolean(held)}
            onClick={() => setBoxes(!boxesOn)}
            title={boxesHere ? "b" : "Where it went was not kept with this clip"}
          >
            Boxes
          </button>
          <button
            type="button"
            class="switch switch-zone"
            aria-pressed={zoneOn}
            disabled={Boolean(held)}
            onClick={() => setZone(!zoneOn)}
            title="z"
          >
            {shapeText(event?.kind, shape?.length ?? 0)}
          </button>
        </div>
      </figcaption>
    </figure>
  );
}

function clipText(clip: Event["evidence"][number] | undefined): string {
  if (isHeld(clip)) return "clip held";
  return clip ? "clip on its way" : "clip follows";
}

function EventStrip({
  events,
  chosen,
  choose,
}: {
  events: readonly Event[];
  chosen: string | undefined;
  choose: (id: string) => void;
}) {
  const strip = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const at = strip.current?.querySelector<HTMLElement>("[aria-pressed=true]");
    if (at && strip.current)
      strip.current.scrollLeft = at.offsetLeft - strip.current.clientWidth / 2;
  }, [chosen]);
  return (
    <div ref={strip} class="event-strip" role="group" aria-label={`${events.length} events`}>
      {events.slice(0, 60).map((e) => (
        <button
          key={e.id}
          type="button"
          class="event-chip"
          aria-pressed={e.id === chosen}
          onClick={() => choose(e.id)}
        >
          <span class="num">
            <When at={e.start} />
          </span>
          <span class="quiet">
            <bdi>{e.class}</bdi>{" "}
            {isOfThing(e.kind) && <span class="num">{Math.round(e.score * 100)} %</span>}
            {e.evidence.some(isHeld) && <span class="chip-held">held</span>}
          </span>
        </button>
      ))}
      {events.length > 60 && <span class="quiet small">and {events.length - 60} more</span>}
    </div>
  );
}
