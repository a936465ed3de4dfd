import assert from "node:assert/strict";
import { test } from "node:test";
import { change, delivery, device, incidentPage } from "./decode";

const told = {
  id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  version: 2,
  state: "open",
  title: "t",
  device: "d",
  camera: "c",
  rule_id: "r",
  zone: "z",
  severity: "high",
  started_at: "2026-03-01T12:00:00.000001Z",
  ended_at: null,
  updated_at: "2026-03-01T12:00:01Z",
  event_count: 1,
  ongoing: true,
};
const page = (over: object) => ({
  incidents: [{ ...told, ...over }],
  counts: { open: 1, acknowledged: 0, resolved: 0, mine: 0 },
});

// covers: WEB-1
test("an answer is taken as the contract says; unknown members are left out", () => {
  const got = incidentPage(page({ colour: "red" }), "");
  assert.equal(got.incidents[0]?.title, "t");
  assert.equal("colour" in (got.incidents[0] ?? {}), false);
  assert.equal(got.next, undefined);
});

// covers: WEB-1
test("what breaks the contract is named by its path", () => {
  assert.throws(
    () => incidentPage(page({ severity: "huge" }), ""),
    /incidents\[0\]\.severity is not one of info/,
  );
  assert.throws(
    () => incidentPage(page({ started_at: "soon" }), ""),
    /incidents\[0\]\.started_at is not a time/,
  );
  assert.throws(() => incidentPage([], ""), /answer is not an object/);
  assert.throws(() => device({ id: "x", enabled: "yes" }, ""), /enabled is not true or false/);
  assert.throws(() => delivery({}, "delivery"), /delivery\.id is not a text/);
  assert.throws(() => change({ type: "weather", id: "1" }, "change"), /change\.type/);
});
