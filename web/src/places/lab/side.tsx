// Beside the picture: what is said, the classes under the number keys, the verdicts, how far one has come.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Label, PoolHistoryPage } from "../../contract.gen";
import { Failure } from "../../api/client";
import { Ago, FailureBox } from "../../pieces/basics";
import { useAsk } from "../../state/ask";
import { matching } from "../../logic/label";
import type { Held, SaveState } from "../../logic/labelsitting";
import { actText, labelText, reasonText, verdictText } from "../../logic/labelwords";
import { many, whoText } from "../../logic/words";
import { lab } from "./hub";

export interface SideActs {
  acceptAll(): void;
  acceptAndOn(): void;
  enter(): void;
  nothing(): void;
  unusable(): void;
  setClass(name: string): void;
  addClass(name: string): void;
  next(): void;
  back(): void;
  undo(): void;
  redo(): void;
  remove(): void;
  newBox(): void;
  walk(by: 1 | -1): void;
  /** false: no box is chosen */
  nudge(dxPx: number, dyPx: number, size: boolean): boolean;
  choose(id: number | undefined): void;
  escape(): void;
  zoom(by: "in" | "out" | "fit"): void;
  pan(on: boolean): void;
  toggleBoxes(): void;
  typeClass(): void;
  help(): void;
  whole(): void;
  retry(): void;
  keepMine(): void;
  takeTheirs(): void;
  spent(): void;
}
interface Props {
  held: Held;
  may: boolean;
  left: number | undefined;
  classes: readonly string[];
  drawClass: string;
  chosen: number | undefined;
  whole: boolean;
  typing: boolean;
  boxesShown: boolean;
  progress: { labelled: number; secondsEach: number | undefined };
  canUndo: boolean;
  canRedo: boolean;
  acts: SideActs;
}

const saveText: Record<SaveState, string> = {
  clean: "",
  waiting: "Saving…",
  saving: "Saving…",
  saved: "Saved",
  failed: "Not saved",
  conflict: "Not saved",
};
/** A click with the mouse must not leave the focus on a button: the next Enter is for the picture. */
const noFocus = (e: MouseEvent) => {
  if ((e.target as Element).closest("button")) e.preventDefault();
};

export function Side(props: Props) {
  const { held, may, acts } = props;
  return (
    <aside class="label-side" aria-label="Label" onMouseDown={noFocus}>
      <Progress {...props} />
      {held.conflict && <Faster held={held} acts={acts} />}
      {held.state === "failed" && held.error instanceof Failure && (
        <FailureBox
          failure={held.error}
          retry={acts.retry}
          title="Not saved; your boxes are kept."
        />
      )}
      {may ? (
        <Verdicts {...props} />
      ) : (
        <div class="label-acts">
          <button type="button" class="button" onClick={acts.back}>
            Previous<kbd class="desk-only">k</kbd>
          </button>
          <button type="button" class="button" onClick={acts.next}>
            Next<kbd class="desk-only">j</kbd>
          </button>
        </div>
      )}
      {!may && <p class="quiet">You may look. Labelling takes an operator.</p>}
      {may && <Classes {...props} />}
      <Boxes {...props} />
      <About held={held} />
    </aside>
  );
}

function Progress({ held, left, progress, acts, canUndo, canRedo, may }: Props) {
  return (
    <div class="label-progress">
      <p role="status" class="label-count">
        <strong class="num">{progress.labelled}</strong> labelled
        {progress.secondsEach !== undefined && (
          <span class="quiet num"> · {progress.secondsEach.toFixed(1)} s each</span>
        )}
        {left !== undefined && <span class="quiet num"> · {left.toLocaleString("en")} to go</span>}
      </p>
      <p class={`label-saved save-${held.state}`} role="status">
        {saveText[held.state]}
      </p>
      {may && (
        <span class="label-tools">
          <button type="button" class="link" disabled={!canUndo} onClick={acts.undo}>
            Undo
          </button>
          <button type="button" class="link" disabled={!canRedo} onClick={acts.redo}>
            Redo
          </button>
          <button type="button" class="link desk-only" onClick={acts.help}>
            Keys<kbd>?</kbd>
          </button>
        </span>
      )}
    </div>
  );
}

function Faster({ held, acts }: { held: Held; acts: SideActs }) {
  const conflict = held.conflict;
  if (!conflict) return null;
  const last = conflict.changes.at(-1);
  const theirs = conflict.picture.label;
  return (
    <div class="faster failure" role="alert">
      <p class="failure-fact">
        <bdi>{last ? whoText(last.who) : "Somebody"}</bdi> was first:{" "}
        {last ? actText[last.what] : "changed it"}
        {last && (
          <>
            {" "}
            <Ago at={last.at} suffix=" ago" />
          </>
        )}
        .
      </p>
      <p class="failure-detail">
        {theirs
          ? `Theirs has ${many(theirs.boxes.length, "box", "boxes")}, drawn dotted. Yours are kept.`
          : "Yours are kept."}
      </p>
      <div class="faster-acts">
        <button type="button" class="button small" onClick={acts.keepMine}>
          Save mine
        </button>
        <button type="button" class="button small" onClick={acts.takeTheirs}>
          Take theirs
        </button>
      </div>
    </div>
  );
}

function Verdicts({ held, acts }: Props) {
  const { draft } = held;
  const open = draft.open.length;
  return (
    <div class="label-acts" role="group" aria-label="Verdict">
      <button type="button" class="button primary label-enter" onClick={acts.enter}>
        {open ? `Accept ${open === 1 ? "the proposal" : `all ${open}`}` : "Save and next"}
        <kbd class="desk-only">Enter</kbd>
      </button>
      <button
        type="button"
        class="button"
        aria-pressed={draft.verdict === "nothing"}
        onClick={acts.nothing}
      >
        Nothing here<kbd class="desk-only">n</kbd>
      </button>
      <button
        type="button"
        class="button"
        aria-pressed={draft.verdict === "unusable"}
        onClick={acts.unusable}
      >
        Unusable<kbd class="desk-only">u</kbd>
      </button>
      <button type="button" class="button" onClick={acts.back}>
        Previous<kbd class="desk-only">k</kbd>
      </button>
      <button type="button" class="button" onClick={acts.next}>
        Next<kbd class="desk-only">j</kbd>
      </button>
    </div>
  );
}

const KEYS = 9;
function Classes(props: Props) {
  const { classes, drawClass, held, chosen, whole, typing, acts } = props;
  const box = held.draft.boxes.find((b) => b.id === chosen);
  const on = whole ? held.draft.class : (box?.class ?? drawClass);
  const first = classes.slice(0, KEYS);
  const shown = on && !first.includes(on) ? [...first, on] : first;
  return (
    <section class="label-part" aria-label="Classes">
      <h2>
        {whole ? "The whole picture is" : box ? "This box is" : "The next box is"}
        <button type="button" class="link" aria-pressed={whole} onClick={acts.whole}>
          {whole ? "Boxes" : "Whole picture"}
          <kbd class="desk-only">w</kbd>
        </button>
      </h2>
      <ul class="class-list">
        {shown.map((name, n) => (
          <li key={name}>
            <button
              type="button"
              class="class-choice"
              aria-pressed={name === on}
              onClick={() => acts.setClass(name)}
            >
              <kbd>{n < KEYS ? n + 1 : "c"}</kbd>
              <bdi>{name}</bdi>
            </button>
          </li>
        ))}
      </ul>
      {typing ? (
        <ClassField classes={classes} acts={acts} />
      ) : (
        <button type="button" class="link" onClick={acts.typeClass}>
          {classes.length > KEYS ? `Find one of ${classes.length}` : "Another class"}
          <kbd class="desk-only">c</kbd>
        </button>
      )}
    </section>
  );
}

const FOUND_MAX = 8;
function ClassField({ classes, acts }: { classes: readonly string[]; acts: SideActs }) {
  const [typed, type] = useState("");
  const [at, setAt] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const name = typed.trim();
  const found = matching(classes, typed).slice(0, FOUND_MAX);
  const fresh = name !== "" && !classes.some((c) => c.toLowerCase() === name.toLowerCase());
  const options = fresh ? [...found, name] : found;
  const take = (n: number) => {
    const one = options[n];
    if (one === undefined) return;
    if (fresh && n === options.length - 1) acts.addClass(one);
    else acts.setClass(one);
    acts.escape();
  };
  const press = (e: KeyboardEvent) => {
    acts.spent();
    if (e.key === "Enter") take(at);
    else if (e.key === "Escape") acts.escape();
    else if (e.key === "ArrowDown") setAt(Math.min(options.length - 1, at + 1));
    else if (e.key === "ArrowUp") setAt(Math.max(0, at - 1));
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="class-find">
      <input
        ref={field}
        class="input"
        role="combobox"
        aria-expanded="true"
        aria-controls="class-found"
        aria-activedescendant={options.length ? `class-found-${at}` : undefined}
        aria-label="Class"
        placeholder="Type a class"
        autocomplete="off"
        maxLength={64}
        value={typed}
        onInput={(e) => {
          type(e.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={press}
      />
      <ul id="class-found" role="listbox" class="class-found" aria-label="Classes">
        {options.map((c, n) => (
          <li
            key={c}
            id={`class-found-${n}`}
            role="option"
            aria-selected={n === at}
            onMouseDown={(e) => e.preventDefault()}
            onClick={() => take(n)}
          >
            {fresh && n === options.length - 1 ? (
              <>
                Add <bdi>“{c}”</bdi>
              </>
            ) : (
              <bdi>{c}</bdi>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Boxes({ held, chosen, boxesShown, acts, may }: Props) {
  const { boxes, open } = held.draft;
  if (!boxes.length && !open.length) return null;
  return (
    <section class="label-part" aria-label="Boxes">
      <h2>
        <span class="num">{many(boxes.length, "box", "boxes")}</span>
        <button type="button" class="link" aria-pressed={!boxesShown} onClick={acts.toggleBoxes}>
          {boxesShown ? "Hide" : "Show"}
          <kbd class="desk-only">h</kbd>
        </button>
      </h2>
      {open.length > 0 && (
        <p class="quiet small">
          {many(open.length, "proposal")} dashed, not accepted{may ? ": press one, or Enter" : ""}.
        </p>
      )}
      <ul class="box-list">
        {boxes.map((b, n) => (
          <li key={b.id}>
            <button
              type="button"
              class="box-choice"
              aria-pressed={b.id === chosen}
              onClick={() => acts.choose(b.id)}
            >
              <span class="num quiet">{n + 1}</span>
              <bdi>{b.class}</bdi>
            </button>
            {b.id === chosen && may && (
              <button type="button" class="link" onClick={acts.remove}>
                Delete<kbd class="desk-only">x</kbd>
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function About({ held }: { held: Pick<Held, "picture"> }) {
  const one = held.picture;
  return (
    <section class="label-part" aria-label="Picture">
      <dl class="facts small">
        <dt>Camera</dt>
        <dd>
          <bdi>{one.camera}</bdi>
        </dd>
        <dt>Taken</dt>
        <dd>
          <Ago at={one.captured_at} suffix=" ago" />
        </dd>
        <dt>State</dt>
        <dd>
          <i class={`label-sign label-${one.label_state}`} /> {labelText[one.label_state]}
          {one.label && (
            <>
              {" "}
              by <bdi>{one.label.by}</bdi>
            </>
          )}
        </dd>
        <dt>Why here</dt>
        <dd>
          {reasonText[one.reason]}
          {one.teach_why?.length ? `: ${one.teach_why.join(", ")}` : ""}
          {one.incident && (
            <>
              {" "}
              <a href={`/incidents/${one.incident}?state=all`}>its incident</a>
            </>
          )}
        </dd>
        {one.review && !one.review.agree && (
          <>
            <dt>Review</dt>
            <dd class="warn-text">
              <bdi>{one.review.by}</bdi> disagreed{one.review.note ? `: ${one.review.note}` : ""}
            </dd>
          </>
        )}
      </dl>
      <History id={one.picture} version={one.version} />
    </section>
  );
}

function what(label: Label): string {
  if (label.verdict !== "objects") return `: ${verdictText[label.verdict].toLowerCase()}`;
  if (label.class) return `: ${label.class}`;
  return `: ${many(label.boxes.length, "box", "boxes")}`;
}
function History({ id, version }: { id: string; version: number }) {
  const [open, setOpen] = useState(false);
  const view = useAsk<PoolHistoryPage>(
    open ? `pool/${id}/history@${version}` : null,
    () => lab.history(id),
    [],
  );
  return (
    <details class="label-history" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>History</summary>
      {view.error && <p class="warn-text">{view.error.body.fact}</p>}
      <ol>
        {view.data?.entries.map((h) => (
          <li key={h.version}>
            <bdi>{whoText(h.who)}</bdi> {actText[h.what]}
            {h.label && what(h.label)} <Ago at={h.at} suffix=" ago" />
            {h.note && <p class="quiet">{h.note}</p>}
          </li>
        ))}
      </ol>
    </details>
  );
}
