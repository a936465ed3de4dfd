import assert from "node:assert/strict";
import { test } from "node:test";
import { askWidth, cropAround } from "./crop";
import { did, gathered, saidText } from "./history";
import { mailPicture } from "./mime";
import { placeAt } from "./path";
import { sseReader } from "./sse";
import { ago, clock, lasted, offset, short, useZone, zoneName } from "./time";
import { keptTop, windowOf } from "./window";

const noon = Date.parse("2026-03-01T12:00:00Z");

// covers: WEB-1
test("how long ago is said in the largest unit that says enough", () => {
  const said = [0, 2, 12, 59, 60, 3599, 3600, 47 * 3600, 48 * 3600].map((s) =>
    ago(noon - s * 1000, noon),
  );
  assert.deepEqual(said, ["now", "now", "12 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 d"]);
});

// covers: WEB-1
test("times are those of the site's zone, and an unknown zone is UTC", () => {
  useZone("Asia/Tokyo");
  assert.equal(clock(noon), "21:00:00");
  assert.equal(short(noon - 22 * 3600_000, noon), "28 Feb, 23:00:00");
  useZone("Mars/Olympus");
  assert.equal(zoneName(), "UTC");
});

// covers: WEB-1
test("durations and places in a clip", () => {
  assert.deepEqual(
    [9400, 38_000, 72_000, 119_800, 150_000, 7_500_000, 7_199_000].map((ms) => lasted(0, ms)),
    ["9.4 s", "38 s", "1 min 12 s", "2 min 0 s", "2 min 30 s", "2 h 5 min", "2 h 0 min"],
  );
  assert.deepEqual([offset(-5), offset(0), offset(9.26)], ["−5.0 s", "0.0 s", "+9.3 s"]);
});

// covers: WEB-1
test("the box moves between the places that are known, and is gone where nobody saw it", () => {
  const at = (at_ms: number, l: number) => ({ at_ms, l, t: 0.5, w: 0.1, h: 0.2 });
  const path = [at(-1000, 0.1), at(0, 0.2), at(1000, 0.4), at(9000, 0.6)];
  assert.equal(placeAt(path, -1000)?.l, 0.1);
  assert.ok(Math.abs((placeAt(path, 500)?.l ?? 0) - 0.3) < 1e-9);
  assert.equal(placeAt(path, -1100)?.l, 0.1);
  assert.equal(placeAt(path, 9100)?.l, 0.6);
  for (const nowhere of [-2000, 5000, 12_000]) assert.equal(placeAt(path, nowhere), undefined);
  assert.equal(placeAt([], 0), undefined);
});

// covers: WEB-1
test("a small picture shows the box large and never leaves the picture", () => {
  const small = cropAround({ l: 0.95, t: 0.02, w: 0.04, h: 0.1 });
  assert.equal(small.scale, 3);
  assert.ok(small.x + 0.5 / small.scale <= 1.0001 && small.y - 0.5 / small.scale >= -0.0001);
  assert.deepEqual(cropAround(undefined), { scale: 1, x: 0.5, y: 0.5 });
  assert.equal(cropAround({ l: 0, t: 0, w: 1, h: 1 }).scale, 1);
  assert.deepEqual([askWidth(112, 2), askWidth(9000, 1)], [320, 4096]);
});

// covers: WEB-1
test("of a thousand rows those in sight are drawn, and rows added above move nothing that is read", () => {
  assert.deepEqual(windowOf(1000, 96, 9600, 960), { first: 94, end: 116 });
  assert.deepEqual(windowOf(3, 96, 0, 960), { first: 0, end: 3 });
  assert.equal(keptTop(["c", "d", "e"], ["a", "b", "c", "d", "e"], 96, 100), 292);
  assert.equal(
    keptTop(["c", "d"], ["b", "c", "d"], 96, 0),
    0,
    "at the top one wants to see what is new",
  );
});

// covers: WEB-1
test("server-sent events are read whole from pieces; comments and monsters are none", () => {
  const got: string[] = [];
  const read = sseReader((data) => got.push(data));
  for (const piece of [
    ": alive\n\n",
    "event: incident\nda",
    'ta: {"a":1}\r\n\r',
    "\ndata: x\ndata: y\n\n",
  ])
    read(piece);
  read("data: " + "z".repeat(70_000));
  read("\n\ndata: after\n\n");
  assert.deepEqual(got, ['{"a":1}', "x\ny", "after"]);
});

// covers: WEB-1
test("the picture of a mail is found, and none in one without", () => {
  const mail =
    "Subject: x\r\n\r\n--b\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n/9j/\r\n4AAQ\r\n--b--\r\n";
  assert.deepEqual([...(mailPicture(mail) ?? [])], [0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10]);
  assert.equal(mailPicture("Subject: plain\r\n\r\nhello"), undefined);
});

// covers: WEB-1
test("what a device did between two people's words is one line", () => {
  const at = "2026-03-01T12:00:00Z";
  const by = (
    who: string,
    what: "event_joined" | "event_ended" | "acknowledged",
    version: number,
  ) => ({
    who,
    what,
    version,
    at,
  });
  const lines = gathered([
    by("device:d", "event_joined", 2),
    by("device:d", "event_ended", 3),
    by("device:d", "event_joined", 4),
    by("anna", "acknowledged", 5),
    by("device:d", "event_ended", 6),
  ]);
  assert.deepEqual(lines.map(did), ["added 2 events, saw 1 end", "acknowledged", "saw it end"]);
  assert.deepEqual(["true: seen", "false_alarm", "e-mail to a@b"].map(saidText), [
    "True: seen",
    "False alarm",
    "e-mail to a@b",
  ]);
});
