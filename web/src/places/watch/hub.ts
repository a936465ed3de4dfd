// What Watch, the fleet and the overview ask of the hub, and the checks of what arrives.
import * as words from "../../contract.gen";
import type * as c from "../../contract.gen";
import { ask } from "../../api/client";
import {
  anyMembers,
  list,
  maybe,
  members,
  modelRef,
  number,
  text,
  time,
  truth,
  word,
  type Decoder,
} from "../../api/decode";

const change = members<c.WatchChange>({
  series: text,
  was: number,
  now: number,
  since: time,
  shift: number,
  text,
});
const cameraShape: { [K in keyof c.WatchCamera]-?: Decoder<c.WatchCamera[K]> } = {
  device: text,
  camera: text,
  state: word(words.watch_state_words),
  since: time,
  text: maybe(text),
  window_s: number,
  last_window_at: maybe(time),
  pictures: maybe(number),
  changes: list(change),
  incident: maybe(text),
  reference: members<c.WatchReference>({
    windows: number,
    needed: number,
    from: maybe(time),
    to: maybe(time),
    accepted_by: maybe(text),
    picture: maybe(text),
  }),
  picture: maybe(text),
};
const watchCamera = members<c.WatchCamera>(cameraShape);
const watchPage = members<c.WatchPage>({
  cameras: list(watchCamera),
  method: members<c.WatchMethod>({ name: text, false_alarms_per_camera_year: number, text }),
});
const watchDetail = members<c.WatchDetail>({
  ...cameraShape,
  series: list(
    members<c.WatchSeries>({
      name: text,
      low: maybe(number),
      high: maybe(number),
      reference_mean: maybe(number),
      edges: maybe(list(number)),
      reference_counts: maybe(list(number)),
      counts: maybe(list(number)),
      classes: maybe(list(text)),
      points: list(
        members<c.WatchPoint>({
          at: time,
          end: time,
          pictures: number,
          mean: number,
          sd: number,
          shift: maybe(number),
          differs: maybe(truth),
        }),
      ),
    }),
  ),
});

const fleetModel = members<c.FleetModel>({
  name: maybe(text),
  digest: maybe(text),
  release: maybe(text),
  state: maybe(text),
  why: maybe(text),
});
const fleet = members<c.Fleet>({
  devices: list(
    members<c.FleetDevice>({
      id: text,
      enabled: truth,
      connected: truth,
      last_seen_at: maybe(time),
      version: maybe(text),
      started_at: maybe(time),
      queue_waiting: maybe(number),
      queue_bytes: maybe(number),
      queue_dropped: maybe(number),
      queue_oldest_s: maybe(number),
      disk_free_bytes: maybe(number),
      clock_skew_ms: maybe(number),
      cameras: number,
      cameras_live: number,
      tags: maybe(anyMembers),
      model_meant: maybe(fleetModel),
      model_in_use: maybe(fleetModel),
      reasons: list(
        members<c.FleetReason>({
          /* A reason this page has no word for is shown by its fact. */
          what: text as Decoder<c.FleetReason["what"]>,
          severity: word(words.severity_words),
          fact: text,
          hint: maybe(text),
        }),
      ),
    }),
  ),
  hub_version: text,
  at: time,
});

const insights = members<c.Insights>({
  from: time,
  to: time,
  hours: list(
    members<c.InsightsHour>({
      at: time,
      kind: text,
      rule_id: text,
      incidents: number,
      false_alarms: number,
    }),
  ),
  false_alarms: list(
    members<c.InsightsFalseAlarms>({
      device: text,
      camera: text,
      model: modelRef,
      judged: number,
      false_alarms: number,
      rate: number,
      low: number,
      high: number,
    }),
  ),
  acknowledge: members<c.InsightsAcknowledge>({
    incidents: number,
    acknowledged: number,
    waiting: number,
    median_s: maybe(number),
    p90_s: maybe(number),
  }),
  uptime: list(
    members<c.InsightsUptime>({
      device: text,
      camera: text,
      live_s: number,
      known_s: number,
      rate: number,
    }),
  ),
  lake: members<c.Lake>({
    enabled: truth,
    path: maybe(text),
    files: maybe(number),
    rows: maybe(number),
    written_at: maybe(time),
    why: maybe(text),
  }),
});

const at = encodeURIComponent;
export const watch = {
  cameras: () => ask("/watch", { read: watchPage }),
  camera: (device: string, camera: string, query: URLSearchParams) =>
    ask(`/watch/${at(device)}/${at(camera)}?${query}`, { read: watchDetail }),
  accept: (device: string, camera: string) =>
    ask(`/watch/${at(device)}/${at(camera)}/reference`, {
      method: "POST",
      body: {},
      read: watchCamera,
    }),
  fleet: () => ask("/fleet", { read: fleet }),
  insights: (query: URLSearchParams) => ask(`/insights?${query}`, { read: insights }),
};
export function csvUrl(query: URLSearchParams, table: string): string {
  const q = new URLSearchParams(query);
  q.set("format", "csv");
  q.set("table", table);
  return `/api/v1/insights?${q}`;
}
