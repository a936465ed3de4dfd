// Acknowledge and Resolve: one hand, or one key. 1-5 resolve at once; the notice offers to take it back.
import { useEffect, useRef, useState } from "preact/hooks";
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

export function Actions({ one, busy, next }: { one: Incident; busy: boolean; next: (() => void) | undefined }) {
  const { user } = useApp();
  const [open, setOpen] = useState(false);
  const mayDecide = user?.role !== "viewer";
  const now = useRef({ one, open, next, mayDecide });
  now.current = { one, open, next, mayDecide };
  useEffect(() => {
    const pick = (n: number) => () => {
      const { one, mayDecide } = now.current;
      const verdict = verdict_words[n];
      if (!mayDecide || !verdict || one.state === "resolved") return;
      void resolve(one, verdict, drafts.get(one.id)?.trim() ?? "").then((done) => done && drafts.delete(one.id));
      setOpen(false);
    };
    return keysOf({
      a: () => now.current.mayDecide && now.current.one.state === "open" && void acknowledge(now.current.one),
      r: () => now.current.mayDecide && now.current.one.state !== "resolved" && setOpen(true),
      u: undoLast,
      "1": pick(0), "2": pick(1), "3": pick(2), "4": pick(3), "5": pick(4),
    });
  }, []);
  if (!mayDecide) return <p class="actions-none quiet">You may look; operators decide.</p>;
  return (
    <div class="actions" aria-busy={busy}>
      {one.state === "open" && (
        <button type="button" class="button primary" onClick={() => void acknowledge(one)} aria-keyshortcuts="a">Acknowledge<kbd class="desk-only">a</kbd></button>
      )}
      {one.state !== "resolved" ? (
        <button type="button" class={`button${one.state === "acknowledged" ? " primary" : ""}`} aria-expanded={open} aria-haspopup="dialog"
          aria-keyshortcuts="r" onClick={() => setOpen(!open)}>Resolve<Down /></button>
      ) : null}
      {one.state !== "open" && <button type="button" class="button" onClick={() => void reopen(one)}>{one.state === "resolved" ? "Reopen" : "Put back"}</button>}
      {open && <ResolvePanel one={one} close={() => setOpen(false)} />}
    </div>
  );
}

function ResolvePanel({ one, close }: { one: Incident; close: () => void }) {
  const [verdict, setVerdict] = useState<Verdict>();
  const [note, setNote] = useState(drafts.get(one.id) ?? "");
  const panel = useRef<HTMLFormElement>(null);
  useEffect(() => {
    panel.current?.querySelector<HTMLInputElement>("input")?.focus();
    const outside = (e: PointerEvent) => {
      if (!panel.current?.parentElement?.contains(e.target as Node)) close();
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, []);
  const send = () => {
    if (!verdict) return;
    void resolve(one, verdict, note.trim()).then((done) => done && drafts.delete(one.id));
    close();
  };
  const press = (e: KeyboardEvent) => {
    if (e.key === "Escape") close();
    const inNote = (e.target as HTMLElement).tagName === "TEXTAREA";
    const picked = verdict_words[Number(e.key) - 1];
    if (!inNote && picked) setVerdict(picked);
    if (e.key === "Enter" && (!inNote || e.ctrlKey || e.metaKey)) send();
    else if (e.key !== "Escape" && !picked) return;
    if (!inNote || e.key === "Escape" || e.key === "Enter") e.preventDefault();
  };
  return (
    <form ref={panel} class="resolve" role="dialog" aria-label="Resolve" onKeyDown={press} onSubmit={(e) => { e.preventDefault(); send(); }}>
      <fieldset>
        <legend>What was it?</legend>
        {verdict_words.map((v, n) => (
          <label key={v} class="verdict-choice">
            <input type="radio" name="verdict" value={v} checked={verdict === v} onChange={() => setVerdict(v)} />
            <span class="verdict-text"><strong>{verdictText[v]}</strong><span class="quiet">{verdictMeaning[v]}</span></span>
            <kbd class="desk-only">{n + 1}</kbd>
          </label>
        ))}
      </fieldset>
      <label class="field"><span>Note <span class="quiet">(optional)</span></span>
        <textarea class="input" rows={2} maxLength={NOTE_MAX} value={note} dir="auto"
          onInput={(e) => { setNote(e.currentTarget.value); drafts.set(one.id, e.currentTarget.value); }} />
      </label>
      <div class="resolve-foot">
        <button type="button" class="button" onClick={close}>Cancel</button>
        <button type="submit" class="button primary" disabled={!verdict}><Check />Resolve</button>
      </div>
    </form>
  );
}
