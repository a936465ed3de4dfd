// Rules and what they found, as people read them.
import type { Event, EventKind, Rule } from "../contract.gen";
import { percent } from "./words";

const seconds = (ms: number) =>
  ms >= 120_000 && ms % 60_000 === 0 ? `${ms / 60_000} min` : `${(ms / 1000).toLocaleString("en")} s`;
const things = (rule: Rule) => (rule.classes?.length ? rule.classes.join(" or ") : "anything");
const place = (rule: Rule) =>
  rule.points.length ? `in zone “${rule.zone}”` : "anywhere in the picture";

function limits(rule: Rule): string {
  const parts = [];
  if (rule.at_least !== undefined) parts.push(`fewer than ${rule.at_least}`);
  if (rule.at_most !== undefined) parts.push(`more than ${rule.at_most}`);
  return parts.join(" or ");
}

function zoneText(rule: Rule): string {
  if (rule.when === "enter") return `${things(rule)} comes into zone “${rule.zone}”`;
  if (rule.when === "leave") return `${things(rule)} leaves zone “${rule.zone}”`;
  if (rule.when === "occupancy") return `${limits(rule)} of ${things(rule)} ${place(rule)}`;
  return `${things(rule)} ${place(rule)}`;
}

function lineText(rule: Rule): string {
  const way = rule.direction && rule.direction !== "either" ? ` ${rule.direction}` : "";
  return `${things(rule)} crosses line “${rule.zone}”${way}`;
}

function countText(rule: Rule): string {
  const passes = rule.points.length === 2 ? "cross line" : "come into zone";
  return `${limits(rule)} of ${things(rule)} ${passes} “${rule.zone}” in ${seconds(rule.period_ms ?? 60_000)}`;
}

function equipmentText(rule: Rule): string {
  const items = rule.required?.map((r) => r.item).join(" or ") ?? "equipment";
  return `${things(rule)} without ${items} ${place(rule)}`;
}

function proximityText(rule: Rule): string {
  const fast = rule.closing_mps ? `, closing at ${rule.closing_mps} m/s or faster` : "";
  return `${things(rule)} nearer than ${rule.distance_m} m to ${rule.near?.join(" or ")}${fast}`;
}

function inspectionText(rule: Rule): string {
  const what = rule.classes?.length ? things(rule) : "the product";
  const when = {
    line: `each ${what} that crosses line “${rule.zone}”`,
    picture: `${what} in each picture of “${rule.zone}”`,
    external: `${what} at each signal from “${rule.zone}”`,
  }[rule.trigger ?? "line"];
  const parts = rule.parts?.length ? `${rule.parts.length} part${rule.parts.length > 1 ? "s" : ""} in place` : "";
  const against = [rule.defects?.join(" or ") ?? "", parts].filter(Boolean).join(", ");
  return against ? `${when}, inspected for ${against}` : `${when}, inspected`;
}

function objectText(rule: Rule): string {
  const what = { either: "left or gone", left: "left", removed: "gone" }[rule.what ?? "either"];
  return `something ${what} ${place(rule)}`;
}

const texts: Record<EventKind, (rule: Rule) => string> = {
  zone: zoneText,
  line: lineText,
  count: countText,
  absence: (rule) => `no ${things(rule)} ${place(rule)}`,
  equipment: equipmentText,
  proximity: proximityText,
  inspection: inspectionText,
  object: objectText,
  health: () => "the camera is well",
  drift: () => "the camera's pictures are not what they were",
};

/** "person in zone “gate” for 2 s or longer, score 50 % or more" */
export function ruleText(rule: Rule): string {
  let text = texts[rule.kind](rule);
  if (rule.dwell_ms && rule.kind !== "line") text += ` for ${seconds(rule.dwell_ms)} or longer`;
  if (rule.score_min !== undefined) text += `, score ${percent(rule.score_min)} or more`;
  if (rule.hours?.length) text += `; holds ${rule.hours.join(", ")}`;
  if (rule.profiles?.length) text += `; armed in ${rule.profiles.join(", ")}`;
  return text;
}

/** What the switch beside the picture turns on and off. */
export function shapeText(kind: EventKind | undefined, points: number): string {
  if (kind === "proximity") return "Distance";
  return points === 2 ? "Line" : "Zone";
}

const labels: Record<string, string> = {
  direction: "Direction",
  total: "Crossed so far",
  clockwiseTotal: "Clockwise",
  counterclockwiseTotal: "Counterclockwise",
  finding: "Found",
  count: "Counted",
  inside: "Inside",
  inside_s: "Inside for",
  at_least: "At least",
  at_most: "At most",
  period_s: "Within",
  missing: "Missing",
  distance_m: "Nearest",
  limit_m: "Limit",
  closing_mps: "Closing speed",
  still_s: "Still for",
  area_pct: "Share of the picture",
  verdict: "Verdict",
  defect: "Defect",
  parts: "Parts",
  place: "Place in the product",
  product: "Product",
  failed: "Failed so far",
  rate: "Share that fails",
  limit: "Limit",
  baseline: "Usual share",
  chart: "Control chart",
  n: "Sample",
};
const units: [RegExp, string][] = [
  [/_mps$/, " m/s"],
  [/_m$/, " m"],
  [/_s$/, " s"],
  [/_pct$/, " %"],
];

/** Label and value of each thing that the rule found; figures carry their unit. */
export function propertyRows(event: Event | undefined): [string, string][] {
  return Object.entries(event?.properties ?? {}).map(([name, value]) => {
    const unit = units.find(([ends]) => ends.test(name))?.[1] ?? "";
    return [labels[name] ?? name, value.replaceAll("_", " ") + unit];
  });
}

/** An event about a number or about nobody has no box of its own, and no score. */
export function isOfThing(kind: EventKind | undefined): boolean {
  return kind !== "count" && kind !== "absence" && kind !== "health";
}
