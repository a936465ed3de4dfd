// One model: what it is, what it was made from, how good it is, who approved it, where it runs.
import { useState } from "preact/hooks";
import type { ModelDecision, ModelDetail, Run, RunPage } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton, When } from "../../pieces/basics";
import { Back } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { useApp } from "../../state/app";
import { percent, shortDigest, whoText } from "../../logic/words";
import { bytesText, decisionText } from "../../logic/opswords";
import { lab } from "../lab/hub";
import { LineageCard } from "./lineage";
import { descriptorOf, models, verdictIn } from "./hub";
import { maybeFigure, Verdict } from "./figures";
import { PromoteDialog, RetireDialog } from "./decide";
import { StartRollout } from "./start";
import { ModelSign } from "./models";

export function OneModel({ digest }: { digest: string }) {
  const view = useAsk<ModelDetail>(`model/${digest}`, () => models.one(digest), [
    "model",
    "device",
  ]);
  const back = (
    <a class="back" href="/models">
      <Back />
      Models
    </a>
  );
  if (view.error?.status === 404 && !view.data)
    return (
      <div class="page">
        {back}
        <Empty title="This model is not known">
          <p>
            No model has the digest <span class="mono">{shortDigest(digest)}</span>. An incident
            may still name it: models that were never registered are only known by their digest.
          </p>
        </Empty>
      </div>
    );
  return (
    <div class="page">
      {back}
      <Asked view={view} what="This model" waiting={<Skeleton lines={4} tall />}>
        {(one) => <Shown one={one} />}
      </Asked>
    </div>
  );
}

function Shown({ one }: { one: ModelDetail }) {
  return (
    <>
      <header class="page-head">
        <h1 class="place-title">
          <bdi>{one.name}</bdi> <span class="num">v{one.version}</span>
        </h1>
        <ModelSign of={one.state} />
        {one.forced && <span class="chip chip-warn">Forced</span>}
        <span class="grow" />
        <Actions one={one} />
      </header>
      <LineageCard one={one} />
      <div class="camera-wide">
        <div class="detail-main">
          <Measured one={one} />
          <History one={one} />
        </div>
        <div class="detail-aside">
          <FactsCard one={one} />
          <Descriptor one={one} />
        </div>
      </div>
    </>
  );
}

function Actions({ one }: { one: ModelDetail }) {
  const { user } = useApp();
  const [asking, ask] = useState<"promote" | "retire" | "rollout">();
  const close = () => ask(undefined);
  const admin = user?.role === "administrator";
  return (
    <div class="head-actions">
      <a class="button" href={`/score?model=${one.digest}`}>
        Try a picture
      </a>
      <a class="button" href={`/models/${one.digest}/compare`}>
        Compare
      </a>
      {admin && one.state !== "retired" && (
        <button type="button" class="button" onClick={() => ask("retire")}>
          Retire
        </button>
      )}
      {admin && one.state !== "champion" && (
        <button type="button" class="button primary" onClick={() => ask("promote")}>
          Promote
        </button>
      )}
      {admin && one.state === "champion" && (
        <button type="button" class="button primary" onClick={() => ask("rollout")}>
          Roll out
        </button>
      )}
      {asking === "promote" && <PromoteDialog one={one} close={close} />}
      {asking === "retire" && <RetireDialog one={one} close={close} />}
      {asking === "rollout" && <StartRollout model={one.digest} close={close} />}
    </div>
  );
}

function FactsCard({ one }: { one: ModelDetail }) {
  return (
    <section class="card" aria-label="Model">
      <dl class="facts">
        <dt>Digest</dt>
        <dd class="mono digest">{one.digest}</dd>
        <dt>Signed</dt>
        <dd>
          with key <span class="mono">{one.key}</span>
        </dd>
        <dt>Approved</dt>
        <dd>
          {one.approved_by && one.approved_at ? (
            <>
              <bdi>{one.approved_by}</bdi>, <When at={one.approved_at} />
              {one.forced ? ", against the gate" : ""}
            </>
          ) : (
            "by nobody yet"
          )}
        </dd>
        <dt>Classes</dt>
        <dd>
          <Classes of={one.classes} />
        </dd>
        <dt>Threshold</dt>
        <dd class="num">{percent(one.score_min)}</dd>
        <dt>Proof</dt>
        <dd>
          {one.reference_pictures
            ? `a device tests itself on ${one.reference_pictures} reference pictures`
            : "no reference pictures"}
        </dd>
        <dt>Size</dt>
        <dd class="num">{bytesText(one.bytes)}</dd>
        <dt>Artifact</dt>
        <dd class="mono">
          {one.repository}:v{one.version}
        </dd>
        <dt>Registered</dt>
        <dd>
          <bdi>{one.registered_by}</bdi>, <When at={one.registered_at} />
        </dd>
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

const CLASSES_SHOWN = 12;
function Classes({ of }: { of: string[] }) {
  const [all, setAll] = useState(of.length <= CLASSES_SHOWN + 3);
  return (
    <>
      {of.slice(0, all ? undefined : CLASSES_SHOWN).join(", ") || "none"}
      {!all && (
        <button type="button" class="link more-classes" onClick={() => setAll(true)}>
          and {of.length - CLASSES_SHOWN} more
        </button>
      )}
    </>
  );
}

/** The text that was signed with it; read only when somebody opens it. */
function Descriptor({ one }: { one: ModelDetail }) {
  const [said, set] = useState<{ text?: string; failed?: boolean }>({});
  const open = (e: Event) => {
    if (!(e.currentTarget as HTMLDetailsElement).open || said.text) return;
    set({});
    descriptorOf(one)
      .then((text) => set({ text }))
      .catch(() => set({ failed: true }));
  };
  return (
    <section class="card twin" aria-label="Descriptor">
      <details onToggle={open}>
        <summary>Descriptor</summary>
        {said.text ? (
          <pre>{said.text}</pre>
        ) : said.failed ? (
          <p class="quiet">
            It could not be fetched here. It is a layer of the artifact:{" "}
            <span class="mono">
              skopeo copy docker://{location.host}/{one.repository}:v{one.version} oci:{one.name}
            </span>
          </p>
        ) : (
          <Skeleton lines={3} />
        )}
      </details>
    </section>
  );
}

function Measured({ one }: { one: ModelDetail }) {
  const query = new URLSearchParams({ kind: "evaluate", model: one.digest, limit: "20" });
  const view = useAsk<RunPage>(`runs?${query}`, () => lab.runs(query), ["run"]);
  return (
    <section class="card" aria-label="Measured">
      <div class="card-head">
        <h2>Measured</h2>
        <a href={`/models/${one.digest}/compare`}>Compare with the champion</a>
      </div>
      <Asked view={view} what="Its measurements" waiting={<Skeleton lines={2} />}>
        {({ runs }) =>
          runs.length ? (
            <div class="table-wide">
              <table class="table">
                <thead>
                  <tr>
                    <th>Split</th>
                    <th>State</th>
                    <th class="right">mAP50</th>
                    <th class="right">mAP</th>
                    <th class="right">False alarms a picture</th>
                    <th class="right">Pictures</th>
                    <th class="right">Median</th>
                    <th class="right">When</th>
                  </tr>
                </thead>
                <tbody>
                  {runs.map((r) => (
                    <MeasuredRow key={r.id} run={r} />
                  ))}
                </tbody>
              </table>
            </div>
          ) : (
            <p class="quiet">
              Nothing yet. A comparison measures it on a dataset's held-out pictures, beside the
              champion.
            </p>
          )
        }
      </Asked>
    </section>
  );
}
function MeasuredRow({ run }: { run: Run }) {
  const s = run.summary;
  return (
    <tr>
      <td>
        <a href={`/lab/runs/${run.id}`}>{run.config.split ?? "test"}</a>{" "}
        <span class="mono quiet small">{shortDigest(run.config.dataset)}</span>
      </td>
      <td>{runStateText[run.state]}</td>
      <td class="right num">{maybeFigure(s?.map50)}</td>
      <td class="right num">{maybeFigure(s?.map)}</td>
      <td class="right num">{maybeFigure(s?.false_alarms_per_picture, 2)}</td>
      <td class="right num">{s?.pictures.toLocaleString("en") ?? "–"}</td>
      <td class="right num">{s?.median_ms ? `${s.median_ms.toFixed(0)} ms` : "–"}</td>
      <td class="right">
        <Ago at={run.ended_at ?? run.created_at} />
      </td>
    </tr>
  );
}
const runStateText: Record<Run["state"], string> = {
  queued: "Waits",
  leased: "Under way",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

function History({ one }: { one: ModelDetail }) {
  return (
    <section class="card" aria-label="Who decided">
      <h2>Who decided</h2>
      <ol class="history">
        {[...one.history].reverse().map((h) => (
          <Decision key={`${h.at}${h.what}`} of={h} />
        ))}
      </ol>
    </section>
  );
}
function Decision({ of }: { of: ModelDecision }) {
  const verdict = of.verdict && verdictIn(of.verdict);
  return (
    <li class={`did did-${of.what}`}>
      <span class="did-what">
        <strong>
          <bdi>{whoText(of.who)}</bdi>
        </strong>{" "}
        {decisionText[of.what]}
        {of.reason && (
          <span class="did-text" dir="auto">
            {of.reason}
          </span>
        )}
        {verdict && (
          <details class="did-verdict">
            <summary>What the gate said</summary>
            <Verdict of={verdict} />
          </details>
        )}
      </span>
      <span class="quiet">
        <When at={of.at} />
      </span>
    </li>
  );
}
