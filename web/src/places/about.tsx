// What is known of an incident, in words: facts, reasons, history, who was told.
import { Fragment } from "preact";
import type { Event, IncidentDetail } from "../contract.gen";
import { Ago, When } from "../pieces/basics";
import { Hook, Mail } from "../pieces/icons";
import { did, gathered, isUlid, saidText } from "../logic/history";
import { isOfThing, propertyRows, ruleText } from "../logic/rulewords";
import { clock, exact } from "../logic/time";
import { deliveryText, percent, severityText, shortDigest, whoText } from "../logic/words";

export function About({ one, event }: { one: IncidentDetail; event: Event | undefined }) {
  return (
    <section class="card" aria-label="What happened">
      <dl class="facts">
        <dt>What</dt>
        <dd>
          {event?.kind === "zone" && !event.rule?.when ? (
            <>
              <bdi>{event.class}</bdi> in <bdi>{one.zone}</bdi>
            </>
          ) : (
            <bdi>{one.title}</bdi>
          )}
        </dd>
        {propertyRows(event).map(([label, value]) => (
          <Fragment key={label}>
            <dt>{label}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </Fragment>
        ))}
        <dt>When</dt>
        <dd class="num" title={exact(event?.start ?? one.started_at)}>
          {clock(event?.start ?? one.started_at)}
          {event?.end ? ` – ${clock(event.end)}` : ""}
        </dd>
        <dt>Where</dt>
        <dd>
          <bdi>{one.camera}</bdi>{" "}
          <span class="quiet">
            on <bdi>{one.device}</bdi>
          </span>
        </dd>
        {isOfThing(event?.kind) && (
          <>
            <dt>Score</dt>
            <dd class="num">
              {event ? percent(event.score) : one.score === undefined ? "–" : percent(one.score)}
              {event?.score_min !== undefined && (
                <span class="quiet"> at best, {percent(event.score_min)} needed</span>
              )}
            </dd>
          </>
        )}
        <dt>Severity</dt>
        <dd>{severityText[one.severity]}</dd>
      </dl>
    </section>
  );
}

export function Why({ event }: { event: Event }) {
  const { rule } = event;
  return (
    <section class="card" aria-label="Why">
      <h2>Why</h2>
      <p class="why-text">
        <bdi>{rule ? ruleText(rule) : `${event.class} in zone “${event.zone}”`}</bdi>.
      </p>
      <dl class="facts small">
        <dt>Rule</dt>
        <dd>
          <bdi>{event.rule_id}</bdi>{" "}
          <span class="quiet mono" title={event.rule_version}>
            {event.rule_version.slice(0, 12)}
          </span>
        </dd>
        <dt>Model</dt>
        <dd>
          <bdi>{event.model.name}</bdi>{" "}
          <span class="quiet mono" title={event.model.digest}>
            {shortDigest(event.model.digest)}
          </span>
        </dd>
        {isOfThing(event.kind) && (
          <>
            <dt>Track</dt>
            <dd class="num">
              {event.track}
              {event.boxes.length > 1 && (
                <span class="quiet"> and {event.boxes.length - 1} more in the picture</span>
              )}
            </dd>
          </>
        )}
        {event.time_source && (
          <>
            <dt>Clock</dt>
            <dd>
              {
                { rtcp: "the camera's", arrival: "time of arrival", file: "the file's" }[
                  event.time_source
                ]
              }
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

export function HistoryOf({ one }: { one: IncidentDetail }) {
  const entries = gathered(one.history);
  return (
    <section class="card" aria-label="History">
      <h2>History</h2>
      <ol class="history">
        {entries.map((h) => (
          <li key={`${h.version}-${h.what}`} class={`did did-${h.what}`}>
            <span class="did-what">
              <strong>
                <bdi>{whoText(h.who)}</bdi>
              </strong>{" "}
              {did(h)}
              {h.text && !isUlid.test(h.text) && (
                <span class="did-text" dir="auto">
                  {saidText(h.text)}
                </span>
              )}
            </span>
            <span class="quiet">
              <When at={h.at} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function DeliveriesOf({ one }: { one: IncidentDetail }) {
  if (!one.deliveries.length) return null;
  return (
    <section class="card" aria-label="Deliveries">
      <h2>Told</h2>
      <ul class="told">
        {one.deliveries.map((d) => (
          <li key={d.id}>
            {d.channel === "email" ? <Mail /> : <Hook />}
            <span class="told-target" dir="auto" title={d.target}>
              {d.target}
            </span>
            <span class={`told-state delivery-${d.state}`}>{deliveryText[d.state]}</span>
            <span class="quiet">
              <Ago at={d.attempts[d.attempts.length - 1]?.at ?? d.created_at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
