// Words and sums of models, rollouts and the overview.
import assert from "node:assert/strict";
import { test } from "node:test";
import { barsOf } from "./bars";
import { bytesText, figure, secondsText, signed, stagesOf } from "./opswords";

// covers: CIR-11
test("incidents are summed by hour up to a week, by day beyond, and rare causes are gathered", () => {
  const from = Date.parse("2026-11-02T00:00:00Z");
  const hour = (at: string, rule_id: string, incidents: number, kind = "zone") => ({
    at, kind, rule_id, incidents, false_alarms: 1,
  });
  const few = barsOf(
    [hour("2026-11-02T01:00:00Z", "gate", 3), hour("2026-11-02T01:00:00Z", "drift", 1, "drift")],
    from,
    from + 86_400_000,
  );
  assert.equal(few.x.length, 24);
  assert.deepEqual(few.causes, ["gate", "camera changed"]);
  assert.deepEqual(few.counts[1], [3, 1]);
  assert.equal(few.wrong[1], 2);
  const many = barsOf(
    ["a", "b", "c", "d", "e", "f", "g"].map((r, n) => hour("2026-11-03T05:00:00Z", r, 9 - n)),
    from,
    from + 30 * 86_400_000,
  );
  assert.equal(many.x.length, 30);
  assert.deepEqual(many.causes, ["a", "b", "c", "d", "e", "others"]);
  assert.deepEqual(many.counts[1], [9, 8, 7, 6, 5, 7]);
});

// covers: CIR-8
test("stages rise and end with 100, or are none", () => {
  assert.deepEqual(stagesOf("10, 50, 100"), [10, 50, 100]);
  assert.deepEqual(stagesOf("100"), [100]);
  for (const wrong of ["", "50, 20, 100", "10, 50", "0, 100", "10.5 100", "x"])
    assert.equal(stagesOf(wrong), undefined, wrong);
});

test("figures are as long as they need to be", () => {
  assert.equal(bytesText(512), "512\u00a0B");
  assert.equal(bytesText(18_874_368), "18.0\u00a0MiB");
  assert.equal(secondsText(90), "1\u00a0min 30\u00a0s");
  assert.equal(secondsText(0.4), "0\u00a0s");
  assert.equal(signed(-0.0004), "0.000");
  assert.equal(signed(0.031), "+0.031");
  assert.deepEqual([1234.5, 212.4, 38.44, 0.314].map(figure), ["1,235", "212", "38.4", "0.31"]);
});
