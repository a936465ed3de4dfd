// What the device tells of one camera: where its entry comes from, what was refused, what is armed, who looks.
import type { Camera, Twin } from "../contract.gen";
import { api } from "../api/client";
import { useAsk } from "../state/ask";
import { toldOf, type Looking, type Refusal, type Told } from "../logic/told";
import { shortDigest } from "../logic/words";

export function useTold(one: Camera): Told | undefined {
  const view = useAsk<Twin>(`twin/${one.device}`, () => api.twin(one.device), ["device", "camera"]);
  return view.data && toldOf(view.data, one.camera);
}

const refusedText: Record<Refusal["what"], [string, string]> = {
  entry: ["A newer entry of this camera was refused", "The one before it goes on."],
  cameras: ["The hub's cameras were refused as a whole", "Those before them go on."],
  file: ["The device's changed file was refused", "What it said before goes on."],
  arming: ["The hub's arming was refused", "The one before it goes on."],
};

/** A camera may run well by its old entry: what was refused is said all the same. */
export function Refusals({ one, told }: { one: Camera; told: Told | undefined }) {
  if (!told?.refusals.length) return null;
  return (
    <>
      {told.refusals.map((r) => (
        <RefusalCard key={r.what} of={r} runs={r.what !== "entry" || one.state !== "failed"} />
      ))}
    </>
  );
}

function RefusalCard({ of, runs }: { of: Refusal; runs: boolean }) {
  const [title, rest] = refusedText[of.what];
  return (
    <section class="refused" role="status" aria-label={title}>
      <h2>
        {title}. <span class="refused-rest">{runs ? rest : "The camera is not there until then."}</span>
      </h2>
      {of.why && (
        <p class="refused-why" dir="auto">
          {of.why}
        </p>
      )}
      {of.hint && (
        <p class="refused-hint" dir="auto">
          {of.hint}
        </p>
      )}
    </section>
  );
}

export function ToldFacts({ told, device }: { told: Told | undefined; device: string }) {
  if (!told) return null;
  return (
    <>
      {told.source && (
        <>
          <dt>Entry</dt>
          <dd>
            {told.source === "hub" ? (
              <>
                the hub's, in the <a href={`/devices/${encodeURIComponent(device)}`}>twin</a>
              </>
            ) : (
              "the device's own file"
            )}
          </dd>
        </>
      )}
      {told.profile && (
        <>
          <dt>Armed</dt>
          <dd>
            <bdi>{told.profile}</bdi>
            {told.profileBy === "file" && <span class="quiet"> by the device's own file</span>}
            {told.profileBy === "hub" && <span class="quiet"> by the hub</span>}
          </dd>
        </>
      )}
      {told.decoder && (
        <>
          <dt>Decoder</dt>
          <dd>{told.decoder}</dd>
        </>
      )}
      {told.masks && (
        <>
          <dt>Masks</dt>
          <dd>{told.masks}, painted over before anything leaves the camera's process</dd>
        </>
      )}
    </>
  );
}

export function OtherModels({ of }: { of: readonly Looking[] }) {
  return (
    <>
      {of.map((m) => (
        <>
          <dt>Also</dt>
          <dd>
            <bdi>{m.name ?? m.id}</bdi>{" "}
            {m.digest && (
              <span class="mono quiet" title={m.digest}>
                {shortDigest(m.digest)}
              </span>
            )}
            {m.provider && <span class="quiet"> on {m.provider}</span>}
            {m.missing && <span class="warn-text looking-missing">{m.missing}</span>}
          </dd>
        </>
      ))}
    </>
  );
}
