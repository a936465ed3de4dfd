// Times for people: relative where "how long ago" is the question, exact in the site's zone elsewhere.
let zone: string | undefined;

export function useZone(name: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
    formats.clear();
  } catch {
    zone = "UTC";
  }
}
export function zoneName(): string {
  return zone ?? "UTC";
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  let found = formats.get(name);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", {
      ...options,
      timeZone: zoneName(),
      hourCycle: "h23",
    });
    formats.set(name, found);
  }
  return found;
}

export function clock(at: string | number): string {
  return format("clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(
    new Date(at),
  );
}
export function day(at: string | number): string {
  return format("day", {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
  }).format(new Date(at));
}
export function exact(at: string | number): string {
  return `${day(at)}, ${clock(at)}`;
}
/** What a field for a time holds: the site's clock, "2026-03-01T13:00:05". */
export function fieldOf(at: string | number): string {
  const parts = format("field", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(new Date(at));
  const of = (type: string) => parts.find((p) => p.type === type)?.value ?? "";
  return `${of("year")}-${of("month")}-${of("day")}T${of("hour")}:${of("minute")}:${of("second")}`;
}
const DAY_MS = 86_400_000;
/** When the site's clock shows this; undefined for what is no time. Of the hour that autumn has twice it is
 *  the first; of the one that spring leaves out, an hour later. */
export function momentOf(field: string): number | undefined {
  const wall = Date.parse(`${field}Z`);
  if (Number.isNaN(wall)) return undefined;
  const aheadAt = (ms: number) => Date.parse(`${fieldOf(ms)}Z`) - ms;
  const guesses = [wall - DAY_MS, wall + DAY_MS].map((near) => wall - aheadAt(near));
  return guesses.find((ms) => Date.parse(`${fieldOf(ms)}Z`) === wall) ?? guesses[0];
}
function dayKey(at: string | number): string {
  return format("key", { year: "numeric", month: "2-digit", day: "2-digit" }).format(new Date(at));
}
/** The clock alone today, with the day otherwise. */
export function short(at: string | number, now: number): string {
  if (dayKey(at) === dayKey(now)) return clock(at);
  return `${format("short", { day: "numeric", month: "short" }).format(new Date(at))}, ${clock(at)}`;
}

/** "now", "12 s", "4 min", "3 h", "2 d": how long ago, in the largest unit that says enough. */
export function ago(at: string | number, now: number): string {
  const s = Math.round((now - new Date(at).getTime()) / 1000);
  if (s < 3) return "now";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export function lasted(fromMs: number, toMs: number): string {
  const s = Math.max(0, (toMs - fromMs) / 1000);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(s / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "−5.0 s", "+9.2 s": a place in a clip, counted from the event's start. */
export function offset(seconds: number): string {
  const sign = seconds < -0.05 ? "−" : seconds > 0.05 ? "+" : "";
  return `${sign}${Math.abs(seconds).toFixed(1)} s`;
}
