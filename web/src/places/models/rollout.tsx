// One rollout: where it stands, each device's state as it reports it, and who did what.
import { useState } from "preact/hooks";
import type { FalseAlarmShare, Rollout, RolloutDetail, RolloutDevice } from "../../contract.gen";
import { Ago, Asked, Dialog, Empty, FailureBox, Skeleton, useSending, When } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { put, refresh, useAsk } from "../../state/ask";
import { notice, useApp } from "../../state/app";
import { many, percent, shortDigest, whoText } from "../../logic/words";
import {
  rolloutDeviceText,
  rolloutDidText,
  rolloutMeaning,
  secondsText,
} from "../../logic/opswords";
import { models } from "./hub";
import { RolloutBar, RolloutSign } from "./rollouts";

export function OneRollout({ id }: { id: string }) {
  const view = useAsk<RolloutDetail>(`rollout/${id}`, () => models.rollout(id), [
    "rollout",
    "device",
  ]);
  const back = (
    <a class="back" href="/rollouts">
      <Back />
      Rollouts
    </a>
  );
  if (view.error?.status === 404 && !view.data)
    return (
      <div class="page">
        {back}
        <Empty title="This rollout is not known">
          <p>It may be an address of another hub.</p>
        </Empty>
      </div>
    );
  return (
    <div class="page">
      {back}
      <Asked view={view} what="This rollout" waiting={<Skeleton lines={4} tall />}>
        {(one) => <Shown one={one} />}
      </Asked>
    </div>
  );
}

function Shown({ one }: { one: RolloutDetail }) {
  return (
    <>
      <header class="page-head">
        <h1 class="place-title">
          <bdi>{one.model.name}</bdi>
          <span class="quiet"> to </span>
          {one.condition === "*" ? (
            "every device"
          ) : (
            <span class="mono condition">{one.condition}</span>
          )}
        </h1>
        <RolloutSign of={one.state} />
        <span class="grow" />
        <Steps one={one} />
      </header>
      {one.why && (
        <div class={`rollout-why${one.state === "halted" ? " halted" : ""}`} role="status">
          <strong>{rolloutMeaning[one.state]}</strong> <span dir="auto">{one.why}</span>
        </div>
      )}
      <Track one={one} />
      <div class="camera-wide">
        <div class="detail-main">
          <DevicesOf one={one} />
        </div>
        <div class="detail-aside">
          <RolloutFacts one={one} />
          <History one={one} />
        </div>
      </div>
    </>
  );
}

type Step = "halt" | "resume" | "return";
const stepText: Record<Step, { button: string; title: string; text: string; done: string }> = {
  halt: {
    button: "Halt",
    title: "Halt this rollout?",
    text: "No further device gets the model. Those that have it keep it.",
    done: "The rollout is halted",
  },
  resume: {
    button: "Resume",
    title: "Go on?",
    text: "It goes on from the beginning: the canary proves it again, then the stages follow.",
    done: "The rollout goes on",
  },
  return: {
    button: "Take it back",
    title: "Give every device its former release back?",
    text: "Each device of this rollout returns to what it ran before, and the rollout ends.",
    done: "The devices go back to their former release",
  },
};

function stepsOf(state: Rollout["state"]): Step[] {
  if (state === "canary" || state === "stages") return ["halt", "return"];
  if (state === "halted") return ["resume", "return"];
  return state === "done" ? ["halt", "return"] : [];
}

function Steps({ one }: { one: RolloutDetail }) {
  const { user } = useApp();
  const [asking, ask] = useState<Step>();
  const [note, setNote] = useState("");
  const { busy, failure, send } = useSending();
  if (user?.role !== "administrator") return null;
  const take = (step: Step) =>
    send(async () => {
      const now = await models.stepRollout(
        one.id,
        step,
        note.trim() ? { note: note.trim() } : {},
      );
      put(`rollout/${one.id}`, now);
      refresh("rollout");
      notice(stepText[step].done);
      ask(undefined);
      setNote("");
    });
  return (
    <div class="head-actions">
      {stepsOf(one.state).map((s) => (
        <button
          key={s}
          type="button"
          class={`button${s === "resume" ? " primary" : s === "return" ? " danger" : ""}`}
          onClick={() => ask(s)}
        >
          {stepText[s].button}
        </button>
      ))}
      {asking && (
        <Dialog title={stepText[asking].title} close={() => ask(undefined)}>
          <p>{stepText[asking].text}</p>
          <label class="field">
            <span>Note, for who reads the history</span>
            <input
              class="input"
              maxLength={500}
              value={note}
              onInput={(e) => setNote(e.currentTarget.value)}
            />
          </label>
          {failure && <FailureBox failure={failure} />}
          <div class="dialog-foot">
            <button type="button" class="button" onClick={() => ask(undefined)}>
              Cancel
            </button>
            <button
              type="button"
              class={`button ${asking === "return" ? "danger" : "primary"}`}
              disabled={busy}
              onClick={() => take(asking)}
            >
              {stepText[asking].button}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

/** Canary, the stages, done: which are behind, which one it is, which are to come. */
function Track({ one }: { one: RolloutDetail }) {
  const steps = ["Canary", ...one.stages.map((s) => `${s}\u00a0%`)];
  const past = one.state === "done" ? steps.length : one.stage;
  const goes = one.state === "canary" || one.state === "stages";
  return (
    <section class="card" aria-label="How far it is">
      <ol class="track">
        {steps.map((s, n) => (
          <li
            key={s}
            class={`track-step ${n < past ? "past" : n === past && goes ? "here" : n === past && one.state === "halted" ? "stuck" : ""}`}
            aria-current={n === past && goes ? "step" : undefined}
          >
            <i />
            <span>{s}</span>
          </li>
        ))}
      </ol>
      <RolloutBar of={one} />
      <p class="quiet small">
        <span class="num">
          {one.counts.active} of {many(one.counts.devices, "device")}
        </span>{" "}
        in use
        {one.counts.under_way > 0 && <span class="num">, {one.counts.under_way} under way</span>}
        {one.counts.failed > 0 && <span class="bad-text num">, {one.counts.failed} failed</span>}
        {one.counts.returned > 0 && <span class="num">, {one.counts.returned} back</span>}
        {one.counts.waiting > 0 && <span class="num">, {one.counts.waiting} waiting</span>}
        {goes && <>. A stage must run well for {secondsText(one.soak_s)}.</>}
      </p>
    </section>
  );
}

const rank: RolloutDevice["state"][] = [
  "failed",
  "returning",
  "fetching",
  "verifying",
  "installing",
  "warming",
  "testing",
  "told",
  "waiting",
  "active",
  "returned",
  "left",
];
const tone = (s: RolloutDevice["state"]) =>
  s === "active" ? "live" : s === "failed" ? "failed" : s === "waiting" || s === "left" || s === "returned" ? "disabled" : "under-way";

function DevicesOf({ one }: { one: RolloutDetail }) {
  const sorted = [...one.devices].sort(
    (a, b) =>
      rank.indexOf(a.state) - rank.indexOf(b.state) ||
      Number(b.canary) - Number(a.canary) ||
      a.device.localeCompare(b.device, "en", { numeric: true }),
  );
  return (
    <section class="card" aria-label="Its devices">
      <h2>Devices</h2>
      {sorted.length === 0 && (
        <p class="quiet">
          No device meets the condition yet. One that comes to meet it gets the model.
        </p>
      )}
      <ul class="rollout-devices">
        {sorted.map((d) => (
          <li key={d.device}>
            <span class="rd-who">
              <a href={`/devices/${encodeURIComponent(d.device)}`}>
                <bdi>{d.device}</bdi>
              </a>
              {d.canary && <span class="chip">Canary</span>}
              {!d.connected && <span class="chip chip-warn">Away</span>}
            </span>
            <span class={`sign sign-${tone(d.state)}`}>
              <i />
              {rolloutDeviceText[d.state]}
            </span>
            <span class="quiet small num rd-facts">
              {d.pictures !== undefined && `${many(d.pictures, "picture")} looked at`}
              {d.errors ? <span class="bad-text"> · {many(d.errors, "error")}</span> : null}
            </span>
            <span class="quiet small rd-since">
              <Ago at={d.since} />
            </span>
            {d.why && (
              <p class={`rd-why ${d.state === "failed" ? "bad-text" : "quiet"}`} dir="auto">
                {d.why}
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

const share = (part: number, whole: number) => (whole ? percent(part / whole) : "–");

function RolloutFacts({ one }: { one: RolloutDetail }) {
  return (
    <section class="card" aria-label="Rollout">
      <dl class="facts">
        <dt>Model</dt>
        <dd>
          <a href={`/models/${one.model.digest}`}>
            <bdi>{one.model.name}</bdi> <span class="mono">{shortDigest(one.model.digest)}</span>
          </a>
        </dd>
        <dt>Canary</dt>
        <dd>
          {one.canary ? <bdi>{one.canary}</bdi> : "the first that connects"}
        </dd>
        <dt>False alarms</dt>
        <dd>
          <FalseAlarms of={one.false_alarms} limit={one.false_alarm_limit} />
        </dd>
        <dt>Each stage</dt>
        <dd class="num">{secondsText(one.soak_s)}</dd>
        <dt>Started</dt>
        <dd>
          <bdi>{one.started_by}</bdi>, <When at={one.started_at} />
        </dd>
        {one.ended_at && (
          <>
            <dt>Ended</dt>
            <dd>
              <When at={one.ended_at} />
            </dd>
          </>
        )}
        {one.note && (
          <>
            <dt>Note</dt>
            <dd dir="auto">{one.note}</dd>
          </>
        )}
      </dl>
    </section>
  );
}
function FalseAlarms({ of, limit }: { of: FalseAlarmShare; limit: number }) {
  return (
    <>
      <span class="num">{share(of.false_alarms, of.verdicts)}</span>{" "}
      <span class="quiet">
        of {many(of.verdicts, "verdict")}; {share(of.former_false_alarms, of.former_verdicts)} of{" "}
        {of.former_verdicts.toLocaleString("en")} before. Halts above +{percent(limit)}.
      </span>
    </>
  );
}

function History({ one }: { one: RolloutDetail }) {
  return (
    <section class="card" aria-label="History">
      <h2>History</h2>
      <ol class="history">
        {[...one.history].reverse().map((h, n) => (
          <li key={n} class={`did did-${h.what}`}>
            <span class="did-what">
              <strong>
                <bdi>{h.device && h.who === "rollout" ? h.device : whoText(h.who)}</bdi>
              </strong>{" "}
              {rolloutDidText[h.what]}
              {h.device && h.who !== "rollout" && (
                <>
                  {" "}
                  <bdi>{h.device}</bdi>
                </>
              )}
              {h.text && (
                <span class="did-text" dir="auto">
                  {h.text}
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
