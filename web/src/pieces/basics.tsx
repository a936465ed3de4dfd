// Small pieces every place uses: times, states of asking, buttons that tell what they wait for.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "../api/client";
import { useApp, useNow } from "../state/app";
import type { View } from "../state/ask";
import { ago, clock, exact, short } from "../logic/time";
import { Check, Copy } from "./icons";

/** Relative, with the exact one on title; a tap shows the exact one, for hands without a pointer. */
export function Ago({ at, suffix = "" }: { at: string; suffix?: string }) {
  const now = useNow();
  const [whole, setWhole] = useState(false);
  const said = ago(at, now);
  /* In a link a tap goes where the link goes. */
  const tap = (e: MouseEvent) =>
    (e.currentTarget as Element).closest("a, button") || setWhole(!whole);
  return (
    <time class="num" dateTime={at} title={exact(at)} onClick={tap}>
      {whole ? exact(at) : said}
      {whole || said === "now" ? "" : suffix}
    </time>
  );
}
export function When({ at }: { at: string }) {
  const now = useNow();
  return (
    <time class="num" dateTime={at} title={exact(at)}>
      {short(at, now)}
    </time>
  );
}

export function FailureBox({
  failure,
  retry,
  title,
}: {
  failure: Failure;
  retry?: (() => void) | undefined;
  title?: string;
}) {
  const { fact, detail, hint } = failure.body;
  return (
    <div class="failure" role="alert">
      {title && <p class="failure-fact">{title}</p>}
      <p class={title ? "failure-what" : "failure-fact"}>{fact}</p>
      {detail && <p class="failure-detail">{detail}</p>}
      {hint && <p class="failure-hint">{hint}</p>}
      {retry && (
        <button class="button" type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({
  title,
  children,
  art,
}: {
  title: string;
  children?: ComponentChildren;
  art?: ComponentChildren;
}) {
  return (
    <div class="empty">
      {art && <div class="empty-art">{art}</div>}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Loading, failed and shown of one question. What is known stays on the page when a later try fails. */
export function Asked<T>({
  view,
  waiting,
  what,
  children,
}: {
  view: View<T>;
  waiting: ComponentChildren;
  what: string;
  children: (data: T) => ComponentChildren;
}) {
  if (view.data === undefined && view.error) {
    return (
      <FailureBox failure={view.error} retry={view.reload} title={`${what} could not be loaded.`} />
    );
  }
  if (view.data === undefined)
    return (
      <div aria-busy="true" aria-label={`Loading ${what.toLowerCase()}`}>
        {waiting}
      </div>
    );
  return (
    <>
      {view.error && !view.error.unreachable && (
        <div class="strip strip-warn" role="status">
          <span>
            {what} as of <span class="num">{clock(view.at)}</span>: {view.error.body.fact}
          </span>
          <button class="link" type="button" onClick={view.reload}>
            Try again
          </button>
        </div>
      )}
      {children(view.data)}
    </>
  );
}

export function Skeleton({ lines = 3, tall = false }: { lines?: number; tall?: boolean }) {
  return (
    <div class={`skeleton${tall ? " tall" : ""}`}>
      {Array.from({ length: lines }, (_, n) => (
        <span key={n} />
      ))}
    </div>
  );
}

export function CopyText({ text, label }: { text: string; label: string }) {
  const [done, set] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      field.current?.select();
      document.execCommand("copy");
    }
    set(true);
    window.setTimeout(() => set(false), 2000);
  };
  return (
    <div class="copy">
      <input
        ref={field}
        class="input mono"
        readOnly
        value={text}
        aria-label={label}
        onFocus={(e) => e.currentTarget.select()}
      />
      <button class="button" type="button" onClick={() => void copy()}>
        {done ? <Check /> : <Copy />}
        <span aria-live="polite">{done ? "Copied" : "Copy"}</span>
      </button>
    </div>
  );
}

/** A modal dialog of the browser's own: it traps the focus and gives it back. */
export function Dialog({
  title,
  close,
  children,
}: {
  title: string;
  close: () => void;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class="dialog"
      aria-label={title}
      onCancel={(e) => {
        e.preventDefault();
        close();
      }}
      onClick={(e) => {
        if (e.target === ref.current) close();
      }}
    >
      <div class="dialog-body">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/** True while the line to the hub is alive: what is shown is what is. */
export function useFresh(): boolean {
  const { line } = useApp();
  return line.state === "live" || line.state === "connecting";
}

/** A form's sending: busy, failure, and the fields stay as they are until it worked. */
export function useSending(): {
  busy: boolean;
  failure: Failure | undefined;
  send: (work: () => Promise<void>) => void;
} {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const send = (work: () => Promise<void>) => {
    setBusy(true);
    setFailure(undefined);
    work()
      .catch((error: unknown) => {
        if (error instanceof Failure) setFailure(error);
        else throw error;
      })
      .finally(() => setBusy(false));
  };
  return { busy, failure, send };
}
