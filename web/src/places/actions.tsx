// Acknowledge and Resolve: one hand, or one key. 1-5 resolve at once; the notice offers to take it back.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Incident, Verdict } from "../contract.gen";
import { verdict_words } from "../contract.gen";
import { Check, Down } from "../pieces/icons";
import { keysOf } from "../pieces/keys";
import { acknowledge, reopen, resolve, undoLast } from "../state/decide";
import { useApp } from "../state/app";
import { verdictMeaning, verdictText } from "../logic/words";

const NOTE_MAX = 4000;
/** Notes half written survive looking elsewhere, and a refusal. */
const drafts = new Map<string, string>();

export function Actions({ one, busy }: { one: Incident; busy: boolean }) {
  const { user } = useApp();
  const [open, setOpen] = useState(false);
  const [verdict, setVerdict] = useState<Verdict>();
  const mayDecide = user?.role !== "viewer";
  const now = useRef({ one, open, mayDecide });
  now.current = { one, open, mayDecide };
  useEffect(() => {
    const pick = (n: number) => () => {
      const { one, open, mayDecide } = now.current;
      const picked = verdict_words[n];
      if (!mayDecide || !picked || one.state === "resolved") return;
      if (open) return setVerdict(picked);
      send(one, picked);
    };
    const panel = () => {
      if (!now.current.mayDecide || now.current.one.state === "resolved") return;
      now.current.open = true; /* at once: the next key may come before the next drawing */
      setOpen(true);
    };
    return keysOf({
      a: () =>
        now.current.mayDecide &&
        now.current.one.state === "open" &&
        void acknowledge(now.current.one),
      r: panel,
      u: undoLast,
      "1": pick(0),
      "2": pick(1),
      "3": pick(2),
      "4": pick(3),
      "5": pick(4),
    });
  }, []);
  if (!mayDecide) return <p class="actions-none quiet">You may look; operators decide.</p>;
  return (
    <div class="actions" aria-busy={busy}>
      {one.state === "open" && (
        <button
          type="button"
          class="button primary"
          onClick={() => void acknowledge(one)}
          aria-keyshortcuts="a"
        >
          Acknowledge<kbd class="desk-only">a</kbd>
        </button>
      )}
      {one.state !== "resolved" ? (
        <button
          type="button"
          class={`button${one.state === "acknowledged" ? " primary" : ""}`}
          aria-expanded={open}
          aria-haspopup="dialog"
          aria-keyshortcuts="r"
          onClick={() => setOpen(!open)}
        >
          Resolve
          <Down />
        </button>
      ) : null}
      {one.state !== "open" && (
        <button type="button" class="button" onClick={() => void reopen(one)}>
          {one.state === "resolved" ? "Reopen" : "Put back"}
        </button>
      )}
      {open && (
        <ResolvePanel
          one={one}
          verdict={verdict}
          setVerdict={setVerdict}
          close={() => setOpen(false)}
        />
      )}
    </div>
  );
}

/** The draft goes when the hub has it, not before. */
function send(one: Incident, verdict: Verdict): void {
  void resolve(one, verdict, drafts.get(one.id)?.trim() ?? "").then(
    (done) => done && drafts.delete(one.id),
  );
}

function ResolvePanel({
  one,
  verdict,
  setVerdict,
  close,
}: {
  one: Incident;
  verdict: Verdict | undefined;
  setVerdict: (v: Verdict) => void;
  close: () => void;
}) {
  const [note, setNote] = useState(drafts.get(one.id) ?? "");
  const panel = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => panel.current?.querySelector<HTMLInputElement>("input")?.focus(), []);
  useEffect(() => {
    const outside = (e: PointerEvent) => {
      if (!panel.current?.parentElement?.contains(e.target as Node)) close();
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const done = () => {
    if (!verdict) return;
    send(one, verdict);
    close();
  };
  const press = (e: KeyboardEvent) => {
    if (e.key === "Escape") close();
    const inNote = (e.target as HTMLElement).tagName === "TEXTAREA";
    const picked = verdict_words[Number(e.key) - 1];
    if (!inNote && picked) setVerdict(picked);
    if (e.key === "Enter" && (!inNote || e.ctrlKey || e.metaKey)) done();
    else if (e.key !== "Escape" && !picked) return;
    if (!inNote || e.key === "Escape" || e.key === "Enter") e.preventDefault();
  };
  return (
    <form
      ref={panel}
      class="resolve"
      role="dialog"
      aria-label="Resolve"
      onKeyDown={press}
      onSubmit={(e) => {
        e.preventDefault();
        done();
      }}
    >
      <fieldset>
        <legend>What was it?</legend>
        {verdict_words.map((v, n) => (
          <label key={v} class="verdict-choice">
            <input
              type="radio"
              name="verdict"
              value={v}
              checked={verdict === v}
              onChange={() => setVerdict(v)}
            />
            <span class="verdict-text">
              <strong>{verdictText[v]}</strong>
              <span class="quiet">{verdictMeaning[v]}</span>
            </span>
            <kbd class="desk-only">{n + 1}</kbd>
          </label>
        ))}
      </fieldset>
      <label class="field">
        <span>
          Note <span class="quiet">(optional)</span>
        </span>
        <textarea
          class="input"
          rows={2}
          maxLength={NOTE_MAX}
          value={note}
          dir="auto"
          onInput={(e) => {
            setNote(e.currentTarget.value);
            drafts.set(one.id, e.currentTarget.value);
          }}
        />
      </label>
      <div class="resolve-foot">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={!verdict}>
          <Check />
          Resolve
        </button>
      </div>
    </form>
  );
}
