// The keys of labelling. Heard here and not with the page's other keys, because these hold (space), come with
// Ctrl and Shift, and leave Enter and space to a button that has the focus.
import { Dialog } from "../../pieces/basics";
import type { SideActs } from "./side";

interface Latest {
  acts: SideActs;
  classes: readonly string[];
}
const field = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

export function labelKeys(latest: () => Latest): () => void {
  const press = (e: KeyboardEvent) => {
    const target = e.target instanceof Element ? e.target : undefined;
    if (e.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (target?.closest(field)) return;
    if ((e.key === "Enter" || e.key === " ") && target?.closest("button, a, summary")) return;
    if (act(e, latest())) {
      e.preventDefault();
      e.stopPropagation();
    }
  };
  const lift = (e: KeyboardEvent) => {
    if (e.key === " ") latest().acts.pan(false);
  };
  document.addEventListener("keydown", press, true);
  document.addEventListener("keyup", lift, true);
  return () => {
    document.removeEventListener("keydown", press, true);
    document.removeEventListener("keyup", lift, true);
  };
}

const STEP_PX = 2;
const arrows: Record<string, [number, number]> = {
  ArrowLeft: [-STEP_PX, 0],
  ArrowRight: [STEP_PX, 0],
  ArrowUp: [0, -STEP_PX],
  ArrowDown: [0, STEP_PX],
};

function act(e: KeyboardEvent, { acts, classes }: Latest): boolean {
  acts.spent();
  if (e.ctrlKey || e.metaKey) return withCtrl(e, acts);
  if (e.altKey) return false;
  const arrow = arrows[e.key];
  if (arrow) return byArrow(e, arrow, acts);
  if (/^[1-9]$/.test(e.key)) {
    const name = classes[Number(e.key) - 1];
    if (name) acts.setClass(name);
    return true;
  }
  const call = plain(e.key, e.shiftKey, acts);
  call?.();
  return call !== undefined;
}
function withCtrl(e: KeyboardEvent, acts: SideActs): boolean {
  const key = e.key.toLowerCase();
  if (key === "z" && !e.shiftKey) acts.undo();
  else if (key === "y" || key === "z") acts.redo();
  else return false;
  return true;
}
function byArrow(e: KeyboardEvent, [dx, dy]: [number, number], acts: SideActs): boolean {
  if (acts.nudge(dx, dy, e.shiftKey)) return true;
  if (e.key === "ArrowRight") acts.next();
  else if (e.key === "ArrowLeft") acts.back();
  else return false;
  return true;
}
function plain(key: string, shift: boolean, acts: SideActs): (() => void) | undefined {
  const table: Record<string, () => void> = {
    Enter: shift ? acts.acceptAndOn : acts.enter,
    n: acts.nothing,
    u: acts.unusable,
    j: acts.next,
    k: acts.back,
    b: acts.newBox,
    ".": () => acts.walk(1),
    ",": () => acts.walk(-1),
    x: acts.remove,
    Delete: acts.remove,
    Backspace: acts.remove,
    c: acts.typeClass,
    h: acts.toggleBoxes,
    w: acts.whole,
    "+": () => acts.zoom("in"),
    "=": () => acts.zoom("in"),
    "-": () => acts.zoom("out"),
    "0": () => acts.zoom("fit"),
    " ": () => acts.pan(true),
    Escape: acts.escape,
    "?": acts.help,
  };
  return table[key];
}

const told: [string, string][] = [
  ["Enter", "accept all proposals; once more: save and next"],
  ["Shift Enter", "accept all and next"],
  ["n", "nothing here, and next"],
  ["u", "unusable, and next"],
  ["j  k", "next, previous picture"],
  ["1 – 9", "class of the chosen box, or of the next one"],
  ["c", "find or add a class"],
  ["b", "a new box; drag to draw one"],
  [".  ,", "next, previous box"],
  ["← → ↑ ↓", "move the box; with Shift: its size"],
  ["x", "delete the box"],
  ["Ctrl Z  Y", "take back, do again; across pictures"],
  ["+  −  0", "zoom in, out, fit; or the wheel"],
  ["Space", "hold and drag: move the picture"],
  ["h", "boxes on, off"],
  ["w", "one class for the whole picture"],
];

export function KeysOfLabel({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys of labelling" close={close}>
      <dl class="keys">
        {told.map(([key, text]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
      <div class="dialog-foot">
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
