// Rules of products and of objects, as people read them.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event, Rule } from "../contract.gen";
import { propertyRows, ruleText } from "./rulewords";

const bottles: Rule = {
  id: "bottles",
  kind: "inspection",
  zone: "line 2",
  points: [
    { x: 0.5, y: 0 },
    { x: 0.5, y: 1 },
  ],
  classes: ["bottle"],
  trigger: "line",
  defects: ["scratch", "dent"],
};

// covers: RULE-6
test("an inspection says what it looks at, when, and for what", () => {
  assert.equal(
    ruleText(bottles),
    "each bottle that crosses line “line 2”, inspected for scratch or dent",
  );
  const pump: Rule = {
    id: "pump",
    kind: "inspection",
    zone: "bench",
    points: [],
    trigger: "external",
    parts: [{ class: "screw", at: [0, 0, 0.1, 0.1], tolerance: 0.1 }],
  };
  assert.equal(
    ruleText(pump),
    "the product at each signal from “bench”, inspected for 1 part in place",
  );
});

// covers: RULE-5
test("an object that was left is told with how long it has been there", () => {
  const rule: Rule = { id: "bag", kind: "object", zone: "hall", points: [], what: "left" };
  assert.equal(
    ruleText({ ...rule, dwell_ms: 60_000 }),
    "something left anywhere in the picture for 60 s or longer",
  );
  const event = { properties: { finding: "left", still_s: "75", area_pct: "1.20" } };
  assert.deepEqual(propertyRows(event as unknown as Event), [
    ["Found", "left"],
    ["Still for", "75 s"],
    ["Share of the picture", "1.20 %"],
  ]);
});
