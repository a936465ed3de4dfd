import assert from "node:assert/strict";
import { test } from "node:test";
import type { Evidence, Media, Twin } from "../contract.gen";
import { isHeld, isLate, lookEvery, overlaps, rangeAround, rangeWrong } from "./recordwords";
import { fieldOf, momentOf, useZone } from "./time";
import { toldOf } from "./told";

const noon = Date.parse("2026-03-01T12:00:00Z");
const MINUTE = 60_000;

// covers: REC-2
test("times are typed by the site's clock, also where summer begins and ends", () => {
  useZone("Europe/Berlin");
  assert.equal(fieldOf(noon), "2026-03-01T13:00:00");
  assert.equal(momentOf("2026-03-01T13:00:00"), noon);
  assert.equal(momentOf("2026-03-01T13:00"), noon);
  assert.equal(momentOf("2026-07-01T00:30:05"), Date.parse("2026-06-30T22:30:05Z"));
  assert.equal(momentOf("2026-10-25T02:30:00"), Date.parse("2026-10-25T00:30:00Z"));
  assert.equal(momentOf("2026-10-25T03:00:00"), Date.parse("2026-10-25T02:00:00Z"));
  assert.equal(momentOf("2026-03-29T02:30:00"), Date.parse("2026-03-29T01:30:00Z"));
  assert.equal(momentOf(""), undefined);
  useZone("UTC");
});

// covers: REC-2
test("a range that cannot be asked for is told before it is asked", () => {
  assert.match(rangeWrong(undefined, noon, noon) ?? "", /whole/);
  assert.match(rangeWrong(noon, noon, noon) ?? "", /before/);
  assert.match(rangeWrong(noon - 31 * MINUTE, noon, noon) ?? "", /30 minutes/);
  assert.match(rangeWrong(noon + MINUTE, noon + 2 * MINUTE, noon) ?? "", /future/);
  assert.equal(rangeWrong(noon - 30 * MINUTE, noon, noon), undefined);
});

// covers: REC-2
test("around an incident there is half a minute of room, never beyond now nor beyond what one wish holds", () => {
  const start = noon - 10 * MINUTE;
  assert.deepEqual(rangeAround(start, start + MINUTE, noon), {
    from: start - MINUTE / 2,
    to: start + 1.5 * MINUTE,
  });
  assert.equal(rangeAround(start, undefined, noon).to, noon);
  const long = rangeAround(noon - 600 * MINUTE, undefined, noon);
  assert.equal(long.to - long.from, 30 * MINUTE);
  assert.equal(rangeWrong(long.from, long.to, noon), undefined);
  const wish = { from: new Date(start).toISOString(), to: new Date(noon).toISOString() };
  assert.equal(overlaps(wish, { from: noon - 1, to: noon + MINUTE }), true);
  assert.equal(overlaps(wish, { from: noon, to: noon + MINUTE }), false);
});

// covers: REC-2
test("what is pending is looked after, seldom once the device seems to have forgotten it", () => {
  const wish = (state: Media["state"], agoMs: number) =>
    ({ state, asked_at: new Date(noon - agoMs).toISOString() }) as Media;
  assert.equal(lookEvery([wish("here", 0), wish("failed", 0), wish("deleted", 0)], noon), 0);
  assert.equal(lookEvery([wish("asked", MINUTE)], noon), 2000);
  assert.equal(lookEvery([wish("asked", 6 * MINUTE)], noon), 30_000);
  assert.equal(lookEvery([wish("asked", 6 * MINUTE), wish("coming", 9 * MINUTE)], noon), 2000);
  assert.equal(isLate(wish("asked", 6 * MINUTE), noon), true);
  assert.equal(isLate(wish("coming", 6 * MINUTE), noon), false);
});

// covers: REC-2
test("evidence is held until it has arrived", () => {
  const file = { kind: "clip", held: true, arrived: false } as Evidence;
  assert.equal(isHeld(file), true);
  assert.equal(isHeld({ ...file, arrived: true }), false);
  assert.equal(isHeld({ ...file, held: false }), false);
  assert.equal(isHeld(undefined), false);
});

const twin = (desired: object, reported: object) =>
  ({ device: "d", etag: "1", tags: {}, properties: { desired, reported } }) as unknown as Twin;

// covers: CAM-7
test("how many masks a camera has is read from the twin", () => {
  assert.equal(toldOf(twin({}, { cameras: { c: { masks: 2 } } }), "c").masks, 2);
  assert.equal(toldOf(twin({}, { cameras: { c: { masks: "all" } } }), "c").masks, undefined);
});

// covers: CAM-4
test("whose entry holds and what was refused is read from the twin, of any agent", () => {
  assert.deepEqual(toldOf(twin({}, {}), "c"), {
    refusals: [],
    profile: undefined,
    provider: undefined,
    decoder: undefined,
    masks: undefined,
    others: [],
  });
  const told = toldOf(
    twin(
      { arming: { profile: "night" } },
      {
        arming: { state: "accepted" },
        agent: { desired_cameras: { state: "refused", why: "no list" } },
        model: { provider: "cpu", others: { helmets: { missing: "no file" } } },
        cameras: { c: { source: "hub", entry: { state: "refused", why: "w", hint: "h" } } },
      },
    ),
    "c",
  );
  assert.equal(told.source, "hub");
  assert.equal(told.profile, "night");
  assert.deepEqual(
    told.refusals.map((r) => [r.what, r.why, r.hint]),
    [
      ["entry", "w", "h"],
      ["cameras", "no list", undefined],
    ],
  );
  assert.equal(told.others[0]?.missing, "no file");
  const own = toldOf(twin({}, { agent: { profile: "day", profile_by: "file" } }), "c");
  assert.equal(own.profile, "day");
  assert.equal(own.profileBy, "file");
  const refused = twin({ arming: { profile: "x" } }, { arming: { state: "refused", why: "y" } });
  assert.equal(toldOf(refused, "c").profile, undefined);
  assert.equal(toldOf(refused, "c").refusals[0]?.what, "arming");
});
