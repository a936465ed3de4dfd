// Promoting and retiring: the gate answers in its own words; an administrator may go past it, with a reason.
import { useState } from "preact/hooks";
import type { ModelDetail } from "../../contract.gen";
import { Dialog, FailureBox, useSending } from "../../pieces/basics";
import { put, refresh } from "../../state/ask";
import { notice } from "../../state/app";
import { models, refusalIn } from "./hub";
import { Verdict } from "./figures";

const REASON_MIN = 4;

function decided(now: ModelDetail): void {
  put(`model/${now.digest}`, now);
  refresh("model");
}

export function PromoteDialog({ one, close }: { one: ModelDetail; close: () => void }) {
  const [reason, setReason] = useState("");
  const [forcing, setForcing] = useState(false);
  const { busy, failure, send } = useSending();
  const refused = failure?.status === 409;
  const verdict = refusalIn(failure);
  const promote = (force: boolean) =>
    send(async () => {
      decided(
        await models.promote(one.digest, force ? { force: true, reason: reason.trim() } : {}),
      );
      notice(`${one.name} v${one.version} is the champion`);
      close();
    });
  return (
    <Dialog title={`Make v${one.version} the champion of ${one.name}?`} close={close}>
      {!failure && (
        <p>
          The gate holds it against the champion of today, on pictures that neither has learned
          from. Only one that is better, with the stated confidence, passes.
        </p>
      )}
      {failure && !refused && <FailureBox failure={failure} />}
      {failure && refused && (
        <div class="refusal" role="alert">
          <p class="refusal-fact">{failure.body.fact}</p>
          {failure.body.detail && <p>{failure.body.detail}</p>}
          {failure.body.hint && <p class="quiet">{failure.body.hint}</p>}
          {verdict && <Verdict of={verdict} />}
        </div>
      )}
      {refused && !verdict && (
        <p>
          <a href={`/models/${one.digest}/compare`}>Measure both on a dataset</a> first, then ask
          again.
        </p>
      )}
      {refused && forcing && (
        <label class="field">
          <span>Why all the same? It is kept with the model.</span>
          <textarea
            class="input"
            rows={2}
            maxLength={500}
            autofocus
            value={reason}
            onInput={(e) => setReason(e.currentTarget.value)}
          />
        </label>
      )}
      <div class="dialog-foot">
        <button type="button" class="button" onClick={close}>
          {refused ? "Leave it" : "Cancel"}
        </button>
        {!refused ? (
          <button
            type="button"
            class="button primary"
            disabled={busy}
            onClick={() => promote(false)}
          >
            {busy ? "The gate looks…" : "Ask the gate"}
          </button>
        ) : forcing ? (
          <button
            type="button"
            class="button danger"
            disabled={busy || reason.trim().length < REASON_MIN}
            onClick={() => promote(true)}
          >
            Promote against the gate
          </button>
        ) : (
          <button type="button" class="button danger" onClick={() => setForcing(true)}>
            Force it…
          </button>
        )}
      </div>
    </Dialog>
  );
}

export function RetireDialog({ one, close }: { one: ModelDetail; close: () => void }) {
  const [reason, setReason] = useState("");
  const { busy, failure, send } = useSending();
  const retire = () =>
    send(async () => {
      decided(await models.retire(one.digest, { reason: reason.trim() }));
      notice(`${one.name} v${one.version} is retired`);
      close();
    });
  return (
    <Dialog title={`Take v${one.version} of ${one.name} out of use?`} close={close}>
      <p>
        It can no longer be rolled out. Its files and its history stay, and devices that use it keep
        it until they get another.
      </p>
      <label class="field">
        <span>Why?</span>
        <textarea
          class="input"
          rows={2}
          maxLength={500}
          autofocus
          value={reason}
          onInput={(e) => setReason(e.currentTarget.value)}
        />
      </label>
      {failure && <FailureBox failure={failure} />}
      <div class="dialog-foot">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class="button danger"
          disabled={busy || reason.trim().length < REASON_MIN}
          onClick={retire}
        >
          Retire
        </button>
      </div>
    </Dialog>
  );
}
