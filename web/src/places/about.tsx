// What is known of an incident, in words: facts, reasons, history, who was told.
import type { Event, IncidentDetail } from "../contract.gen";
import { Ago, When } from "../pieces/basics";
import { Hook, Mail } from "../pieces/icons";
import { clock, exact } from "../logic/time";
import { deliveryText, historyText, many, percent, severityText, shortDigest, verdictText, whoText } from "../logic/words";

export function About({ one, event }: { one: IncidentDetail; event: Event | undefined }) {
  return (
    <section class="card" aria-label="What happened">
      <dl class="facts">
        <dt>What</dt><dd><bdi>{event?.class ?? one.title}</bdi> in <bdi>{one.zone}</bdi></dd>
        <dt>When</dt><dd class="num" title={exact(event?.start ?? one.started_at)}>{clock(event?.start ?? one.started_at)}{event?.end ? ` – ${clock(event.end)}` : ""}</dd>
        <dt>Where</dt><dd><bdi>{one.camera}</bdi> <span class="quiet">on <bdi>{one.device}</bdi></span></dd>
        <dt>Score</dt><dd class="num">{event ? percent(event.score) : one.score === undefined ? "–" : percent(one.score)}{event?.score_min !== undefined && <span class="quiet"> at least {percent(event.score_min)} asked</span>}</dd>
        <dt>Severity</dt><dd>{severityText[one.severity]}</dd>
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
        {rule?.classes?.length ? <bdi>{rule.classes.join(" or ")}</bdi> : <bdi>{event.class}</bdi>} in zone <bdi>“{event.zone}”</bdi>
        {rule?.dwell_ms !== undefined && <> for <span class="num">{(rule.dwell_ms / 1000).toLocaleString("en")} s</span> or longer</>}
        {rule?.score_min !== undefined && <>, score <span class="num">{percent(rule.score_min)}</span> or more</>}.
      </p>
      <dl class="facts small">
        <dt>Rule</dt><dd><bdi>{event.rule_id}</bdi> <span class="quiet mono" title={event.rule_version}>{event.rule_version.slice(0, 12)}</span></dd>
        <dt>Model</dt><dd><bdi>{event.model.name}</bdi> <span class="quiet mono" title={event.model.digest}>{shortDigest(event.model.digest)}</span></dd>
        <dt>Track</dt><dd class="num">{event.track}{event.boxes.length > 1 && <span class="quiet"> and {event.boxes.length - 1} more in the picture</span>}</dd>
        {event.time_source && <><dt>Clock</dt><dd>{{ rtcp: "the camera's", arrival: "time of arrival", file: "the file's" }[event.time_source]}</dd></>}
      </dl>
    </section>
  );
}

type Entry = IncidentDetail["history"][number];
type Told = Entry & { joined: number; ended: number };
const isUlid = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function HistoryOf({ one }: { one: IncidentDetail }) {
  const entries = gathered(one.history);
  return (
    <section class="card" aria-label="History">
      <h2>History</h2>
      <ol class="history">
        {entries.map((h) => (
          <li key={`${h.version}-${h.what}`} class={`did did-${h.what}`}>
            <span class="did-what">
              <strong><bdi>{whoText(h.who)}</bdi></strong> {did(h)}
              {h.text && !isUlid.test(h.text) && <span class="did-text" dir="auto">{verdictText[h.text as keyof typeof verdictText] ?? h.text}</span>}
            </span>
            <span class="quiet"><When at={h.at} /></span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What devices and the hub did between two people's words is one line with a count: 35 lines of
 *  "added an event" would hide the one who decided. */
export function gathered(history: readonly Entry[]): Told[] {
  const lines: Told[] = [];
  for (const h of history) {
    const last = lines[lines.length - 1];
    const machine = h.what === "event_joined" || h.what === "event_ended";
    if (machine && last && last.who === h.who && (last.joined || last.ended)) {
      last.at = h.at;
      last.version = h.version;
      if (h.what === "event_joined") last.joined++;
      else last.ended++;
    } else lines.push({ ...h, joined: Number(h.what === "event_joined"), ended: Number(h.what === "event_ended") });
  }
  return lines;
}

function did(h: Told): string {
  if (h.joined) return `added ${many(h.joined, "event")}${h.ended ? `, saw ${h.ended} end` : ""}`;
  if (h.ended > 1) return `saw ${many(h.ended, "event")} end`;
  return historyText[h.what];
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
            <span class="told-target" dir="auto" title={d.target}>{d.target}</span>
            <span class={`told-state delivery-${d.state}`}>{deliveryText[d.state]}</span>
            <span class="quiet"><Ago at={d.attempts[d.attempts.length - 1]?.at ?? d.created_at} /></span>
          </li>
        ))}
      </ul>
    </section>
  );
}
