// The live line. Fetched, not EventSource: the hub's comment every 5 s is the only sign of life of a
// quiet site, and EventSource hides comments. Ten seconds without a byte means the line is dead,
// whatever the socket says; then it is cut and tried again.
//
//   connecting ── first byte ──▶ live ── 10 s silent, or line ended ──▶ stale ──▶ (again, with back-off)
//                                 ▲                                        │
//                                 └────────────── a byte ──────────────────┘      no answer at all: offline
import type { Change } from "../contract.gen";
import { change } from "./decode";
import { sseReader } from "../logic/sse";

export type LineState = "connecting" | "live" | "stale" | "offline";
export interface Line {
  state: LineState;
  heardAt: number;
}

export const STALE_AFTER_MS = 10_000;
const WAIT_MS = [500, 1000, 2000, 4000, 8000, 15_000];

interface Listener {
  changed(what: Change): void;
  line(now: Line): void;
  /** The line is back after a gap: what was missed is unknown, so ask the lists again. */
  regained(): void;
  signedOut(): void;
}

export class Stream {
  private line: Line = { state: "connecting", heardAt: Date.now() };
  private stopped = false;
  private tries = 0;
  private cut = new AbortController();
  private wake: () => void = () => {};
  private lastByteAt = Date.now();
  private watch = 0;

  constructor(private readonly to: Listener) {}

  start(): void {
    this.watch = window.setInterval(() => this.check(), 1000);
    window.addEventListener("online", this.hurry);
    window.addEventListener("offline", this.lost);
    document.addEventListener("visibilitychange", this.hurry);
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    window.clearInterval(this.watch);
    window.removeEventListener("online", this.hurry);
    window.removeEventListener("offline", this.lost);
    document.removeEventListener("visibilitychange", this.hurry);
    this.cut.abort();
    this.wake();
  }

  private hurry = (): void => {
    if (!document.hidden) this.wake();
  };
  private lost = (): void => {
    this.say("offline");
    this.cut.abort();
  };

  private check(): void {
    if (Date.now() - this.lastByteAt < STALE_AFTER_MS) return;
    if (this.line.state === "live") this.say("stale");
    this.lastByteAt = Date.now();
    this.cut.abort();
  }

  private say(state: LineState): void {
    if (this.line.state === state && state !== "live") return;
    this.line = { state, heardAt: state === "live" ? Date.now() : this.line.heardAt };
    this.to.line(this.line);
  }

  private heard(): void {
    this.lastByteAt = Date.now();
    const gap = this.line.state === "stale" || this.line.state === "offline";
    this.tries = 0;
    this.say("live");
    if (gap) this.to.regained();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.cut = new AbortController();
      this.lastByteAt = Date.now();
      const over = await this.listen(this.cut.signal).catch(() => "unreachable" as const);
      if (this.stopped) return;
      if (over === "signed out") return this.to.signedOut();
      if (this.line.state !== "offline" || over === "ended")
        this.say(over === "ended" ? "stale" : "offline");
      await this.pause(WAIT_MS[Math.min(this.tries++, WAIT_MS.length - 1)] ?? 15_000);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((go) => {
      const timer = window.setTimeout(go, ms);
      this.wake = () => {
        window.clearTimeout(timer);
        go();
      };
    });
  }

  private async listen(signal: AbortSignal): Promise<"ended" | "signed out"> {
    const answer = await fetch("/api/v1/stream", {
      headers: { Accept: "text/event-stream" },
      signal,
      credentials: "same-origin",
      cache: "no-store",
    });
    if (answer.status === 401) return "signed out";
    if (!answer.ok || !answer.body) return "ended";
    this.heard();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const read = sseReader((data) => this.take(data));
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return "ended";
        this.heard();
        read(value);
      }
    } catch {
      return "ended";
    }
  }

  private take(data: string): void {
    try {
      this.to.changed(change(JSON.parse(data), "change"));
    } catch {
      // A kind of change this page does not know yet is no reason to drop the line.
    }
  }
}
