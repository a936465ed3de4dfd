import assert from "node:assert/strict";
import { test } from "node:test";
import type { LabelConflict, NewLabel, PoolPicture } from "../contract.gen";
import * as l from "./label";
import { bestStep, columnsOf, lastOf, leftMs } from "./labelcurves";
import { Sitting } from "./labelsitting";

const person = (left: number, score = 0.8) => ({
  class: "person",
  score,
  box: { l: left, t: 0.2, w: 0.1, h: 0.3 },
});
function picture(over: Partial<PoolPicture> = {}): PoolPicture {
  const at = "2026-03-01T08:00:00.000000Z";
  return {
    picture: "a".repeat(64),
    version: 3,
    label_state: "proposed",
    source: "sample",
    reason: "uncertain",
    device: "box",
    camera: "yard",
    captured_at: at,
    added_at: at,
    width: 768,
    height: 576,
    here: true,
    proposals: [person(0.1), person(0.5)],
    ...over,
  };
}
const label = (verdict: "objects" | "nothing", by = "ines") => ({
  verdict,
  boxes: verdict === "objects" ? [{ class: "dog", box: { l: 0.1, t: 0.1, w: 0.2, h: 0.2 } }] : [],
  by,
  at: "2026-03-01T09:00:00.000000Z",
});

// covers: CIR-2
test("a box stays in the picture whatever is dragged, and turns over past its other side", () => {
  assert.deepEqual(l.between({ x: -0.5, y: 0.2 }, { x: 0.4, y: 1.7 }), {
    l: 0,
    t: 0.2,
    w: 0.4,
    h: 0.8,
  });
  const box = { l: 0.4, t: 0.4, w: 0.2, h: 0.2 };
  assert.deepEqual(l.resized(box, "w", 0.3, 0.9), { l: 0.6, t: 0.4, w: 0.1, h: 0.2 });
  assert.deepEqual(l.resized(box, "se", 0.9, 0.1), { l: 0.4, t: 0.4, w: 0.6, h: 0.3 });
  assert.deepEqual(l.moved(box, 0.9, -0.9), { l: 0.8, t: 0, w: 0.2, h: 0.2 });
  for (const handle of l.handles)
    for (const by of [-2, -0.2, 0.2, 2]) {
      const r = l.resized(box, handle, by, by);
      assert.ok(
        r.w > 0 && r.h > 0 && r.l >= 0 && r.t >= 0 && r.l + r.w <= 1.00001 && r.t + r.h <= 1.00001,
      );
    }
});

// covers: CIR-2
test("under a hand lies the chosen box's handle, then the smallest thing", () => {
  const near = { x: 0.01, y: 0.01 };
  const big = { id: 1, class: "car", box: { l: 0.1, t: 0.1, w: 0.8, h: 0.8 } };
  const small = { id: 2, class: "person", box: { l: 0.4, t: 0.4, w: 0.1, h: 0.1 } };
  const draft = {
    verdict: "objects",
    boxes: [big, small],
    open: [person(0.42)],
    class: undefined,
  } as const;
  assert.deepEqual(l.hit(draft, undefined, { x: 0.45, y: 0.45 }, near), { kind: "box", id: 2 });
  assert.deepEqual(l.hit(draft, 1, { x: 0.45, y: 0.45 }, near), { kind: "box", id: 1 });
  assert.deepEqual(l.hit(draft, 1, { x: 0.1, y: 0.105 }, near), {
    kind: "handle",
    id: 1,
    handle: "nw",
  });
  assert.deepEqual(l.hit(draft, undefined, { x: 0.47, y: 0.3 }, near), { kind: "open", n: 0 });
  assert.deepEqual(l.hit(draft, undefined, { x: 0.02, y: 0.02 }, near), { kind: "none" });
});

// covers: CIR-2
test("what the hub is told is what was said, and nothing when nothing was", () => {
  const none = l.draftOf(picture());
  assert.equal(l.wireOf(none), undefined);
  assert.equal(l.wireOf(l.acceptAll(none))?.boxes?.length, 2);
  const nothing = l.sayVerdict(l.acceptAll(none), "nothing");
  assert.deepEqual(l.wireOf(nothing), { verdict: "nothing" });
  const one = l.addBox(none, { id: 7, class: "dog", box: { l: 0, t: 0, w: 0.1, h: 0.1 } });
  assert.equal(one.verdict, "objects");
  assert.equal(
    l.wireOf(l.removeBox(one, 7)),
    undefined,
    "an emptied picture is not 'nothing here'",
  );
  assert.equal(l.wireOf(l.sayClass(none, "ok"))?.class, "ok");
  const refused = l.draftOf(picture({ label: label("objects"), label_state: "proposed" }));
  assert.deepEqual([refused.verdict, refused.open[0]?.class], [undefined, "dog"]);
});

function scripted(refuse?: LabelConflict) {
  const told: { verb: string; body: unknown }[] = [];
  let version = 3;
  let conflict = refuse;
  const hub = {
    async say(_: string, body: NewLabel) {
      told.push({ verb: "say", body });
      if (conflict) {
        version = conflict.picture.version;
        throw new Error("conflict");
      }
      return picture({ version: ++version });
    },
    async unsay(_: string, body: unknown) {
      told.push({ verb: "unsay", body });
      return picture({ version: ++version });
    },
    conflictOf: () => {
      const was = conflict;
      conflict = undefined;
      return was;
    },
  };
  return { hub, told };
}

// covers: CIR-2
test("undo takes a saved label back at the hub, and redo says it again", async () => {
  const { hub, told } = scripted();
  const sitting = new Sitting(hub);
  const one = picture();
  const { draft } = sitting.open(one);
  sitting.look(one.picture, 0);
  sitting.change(one.picture, l.acceptAll(draft), 4000);
  await sitting.save(one.picture);
  assert.equal(sitting.undo(), one.picture);
  await sitting.save(one.picture);
  assert.equal(sitting.redo(), one.picture);
  await sitting.save(one.picture);
  assert.deepEqual(
    told.map((t) => t.verb),
    ["say", "unsay", "say"],
  );
  assert.deepEqual(told[1]?.body, { version: 4, to: 3, spent_ms: 4000 });
  assert.deepEqual(sitting.progress(), { labelled: 1, secondsEach: 4 });
  assert.equal(sitting.unsaved, false);
});

// covers: CIR-2
test("quick presses of one key are one step; who does not move is not counted as looking", () => {
  const sitting = new Sitting(scripted().hub);
  const one = picture({ label: label("objects", "anna"), label_state: "labelled" });
  const start = sitting.open(one).draft;
  sitting.look(one.picture, 0);
  for (let n = 1; n <= 5; n++) {
    const now = sitting.get(one.picture)?.draft ?? start;
    const id = now.boxes[0]?.id ?? 0;
    const box = l.moved(now.boxes[0]?.box ?? { l: 0, t: 0, w: 1, h: 1 }, 0.01, 0);
    sitting.change(one.picture, l.changeBox(now, id, { box }), n * 100, `move${id}`);
  }
  sitting.undo();
  assert.equal(sitting.get(one.picture)?.draft, start);
  assert.equal(sitting.canUndo, false);
  sitting.spend(one.picture, 3_600_000);
  assert.equal(sitting.get(one.picture)?.spentMs, 30_500);
});

// covers: CIR-2
test("a conflict loses neither side: mine is sent again on top of theirs", async () => {
  const theirs = picture({ version: 9, label: label("nothing"), label_state: "labelled" });
  const error = { class: "conflict", fact: "It changed." } as const;
  const { hub, told } = scripted({ error, picture: theirs, changes: [] });
  const sitting = new Sitting(hub);
  const one = picture();
  const mine = l.acceptAll(sitting.open(one).draft);
  sitting.change(one.picture, mine, 10);
  await sitting.save(one.picture);
  assert.equal(sitting.get(one.picture)?.state, "conflict");
  assert.equal(sitting.get(one.picture)?.draft, mine);
  await sitting.keepMine(one.picture);
  assert.equal(sitting.get(one.picture)?.state, "saved");
  assert.equal((told[1]?.body as NewLabel).version, 9);
  assert.equal((told[1]?.body as NewLabel).boxes?.length, 2);
});

// covers: CIR-4
test("curves keep their gaps, the best step is the first of the highest, and the time left follows the pace", () => {
  const at = "2026-03-01T08:00:00.000000Z";
  const points = [
    { step: 0, at, values: { val_map50: 0.4 } },
    { step: 5, at, values: { train_loss: 2 } },
    { step: 10, at, values: { train_loss: 1, val_map50: 0.7 } },
    { step: 20, at, values: { train_loss: 0.5, val_map50: 0.7 } },
    { step: 30, at, values: { learning_rate: 0.1 } },
  ];
  const { steps, of } = columnsOf(points, ["train_loss", "val_map50"]);
  assert.deepEqual(steps, [0, 5, 10, 20]);
  assert.deepEqual(of["val_map50"], [0.4, null, 0.7, 0.7]);
  assert.equal(lastOf(of["train_loss"] ?? []), 0.5);
  assert.equal(bestStep(points, "val_map50"), 10);
  assert.equal(bestStep(points, "val_accuracy"), undefined);
  assert.equal(leftMs(25, 100, 10_000), 30_000);
  assert.equal(leftMs(0, 100, 10_000), undefined);
});
