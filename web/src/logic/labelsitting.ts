// A sitting: the pictures one person went through, each with its draft, and one journal over all of them.
// Undo therefore reaches back over pictures that are saved already. A draft is saved with the version that was
// seen; when somebody was faster, nothing is lost: both are kept until the person chooses.
//
//   changed ──▶ waits for a second of quiet (or until left) ──▶ saving ──▶ saved
//                                                                 ├──▶ conflict: keep mine (again) | take theirs
//                                                                 └──▶ failed: try again
import type { LabelConflict, LabelUndo, NewLabel, PoolPicture } from "../contract.gen";
import { draftOf, wireOf, type Draft } from "./label";

export interface LabelHub {
  say(id: string, body: NewLabel): Promise<PoolPicture>;
  unsay(id: string, body: LabelUndo): Promise<PoolPicture>;
  /** undefined: it failed for another reason */
  conflictOf(error: unknown): LabelConflict | undefined;
}
export type SaveState = "clean" | "waiting" | "saving" | "saved" | "failed" | "conflict";
export interface Held {
  picture: PoolPicture;
  draft: Draft;
  /** as it was when it was opened, at version `base` */
  initial: Draft;
  base: number;
  /** the draft the hub has */
  saved: Draft;
  /** the label at the hub is of this sitting */
  ours: boolean;
  state: SaveState;
  conflict?: LabelConflict | undefined;
  error?: unknown;
  spentMs: number;
  sentMs: number;
}
interface Step {
  picture: string;
  before: Draft;
  after: Draft;
  /** steps with the same mark in quick succession are one: ten presses of an arrow are one move */
  mark: string | undefined;
  at: number;
}

const QUIET_MS = 1000;
const TOGETHER_MS = 900;
/** Who looks longer than this without a key or a hand is not looking. */
const IDLE_MS = 30_000;

export class Sitting {
  private readonly held = new Map<string, Held>();
  private readonly working = new Map<string, Promise<void>>();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly shown = new Set<() => void>();
  private past: Step[] = [];
  private future: Step[] = [];
  private lookedAt: number | undefined;
  /** in the order they were looked at */
  readonly visited: string[] = [];

  constructor(private readonly hub: LabelHub) {}

  watch(call: () => void): () => void {
    this.shown.add(call);
    return () => this.shown.delete(call);
  }
  private tell(): void {
    for (const call of this.shown) call();
  }

  get(id: string): Held | undefined {
    return this.held.get(id);
  }
  /** Takes a picture in as the hub knows it now. Unsaved work on it stays. */
  open(one: PoolPicture): Held {
    const known = this.held.get(one.picture);
    if (known && (known.draft !== known.saved || known.picture.version >= one.version))
      return known;
    const draft = draftOf(one);
    const held: Held = {
      picture: one,
      draft,
      initial: draft,
      base: one.version,
      saved: draft,
      ours: false,
      state: "clean",
      spentMs: known?.spentMs ?? 0,
      sentMs: 0,
    };
    this.held.set(one.picture, held);
    this.tell();
    return held;
  }
  look(id: string, now: number): void {
    if (!this.visited.includes(id)) this.visited.push(id);
    this.lookedAt = now;
  }
  /** A key or a hand moved: the time since the last one was spent on this picture. */
  spend(id: string, now: number): void {
    const held = this.held.get(id);
    if (held && this.lookedAt !== undefined)
      held.spentMs += Math.min(IDLE_MS, Math.max(0, now - this.lookedAt));
    this.lookedAt = now;
  }

  change(id: string, after: Draft, now: number, mark?: string): void {
    const held = this.held.get(id);
    if (!held || held.draft === after) return;
    this.spend(id, now);
    const last = this.past.at(-1);
    if (mark && last && last.mark === mark && last.picture === id && now - last.at < TOGETHER_MS) {
      last.after = after;
      last.at = now;
    } else this.past.push({ picture: id, before: held.draft, after, mark, at: now });
    this.future = [];
    this.set(held, after);
  }
  private set(held: Held, draft: Draft): void {
    held.draft = draft;
    const id = held.picture.picture;
    clearTimeout(this.timers.get(id));
    if (held.state !== "conflict") {
      if (held.state !== "saving") held.state = draft === held.saved ? "saved" : "waiting";
      this.timers.set(
        id,
        setTimeout(() => void this.save(id), QUIET_MS),
      );
    }
    this.tell();
  }
  get canUndo(): boolean {
    return this.past.length > 0;
  }
  get canRedo(): boolean {
    return this.future.length > 0;
  }
  /** The picture the step was made on: the page shows that one. */
  undo(): string | undefined {
    const step = this.past.pop();
    if (!step) return undefined;
    this.future.push(step);
    return this.put(step.picture, step.before);
  }
  redo(): string | undefined {
    const step = this.future.pop();
    if (!step) return undefined;
    this.past.push(step);
    return this.put(step.picture, step.after);
  }
  private put(id: string, draft: Draft): string {
    const held = this.held.get(id);
    if (held) this.set(held, draft);
    return id;
  }

  /** Saves now what is not saved; a save on its way is waited for, and what changed meanwhile follows. */
  save(id: string): Promise<void> {
    clearTimeout(this.timers.get(id));
    const running = this.working.get(id);
    if (running) return running;
    const held = this.held.get(id);
    if (!held || held.state === "conflict" || held.draft === held.saved) return Promise.resolve();
    const work = this.send(held).finally(() => this.working.delete(id));
    this.working.set(id, work);
    return work;
  }
  private async send(held: Held): Promise<void> {
    held.error = undefined;
    try {
      while (held.draft !== held.saved) {
        const draft = held.draft;
        held.state = "saving";
        this.tell();
        const answer = await this.sendOne(held, draft);
        if (answer) held.picture = answer;
        held.saved = draft;
      }
      held.state = held.ours ? "saved" : "clean";
    } catch (error) {
      held.conflict = this.hub.conflictOf(error);
      held.error = error;
      held.state = held.conflict ? "conflict" : "failed";
    }
    this.tell();
  }
  private async sendOne(held: Held, draft: Draft): Promise<PoolPicture | undefined> {
    const { picture, version } = held.picture;
    const wire = draft === held.initial ? undefined : wireOf(draft);
    const spent_ms = Math.round(held.spentMs);
    if (wire) {
      const answer = await this.hub.say(picture, { ...wire, version, spent_ms });
      held.ours = true;
      held.sentMs = spent_ms;
      return answer;
    }
    if (!held.ours) return undefined;
    const answer = await this.hub.unsay(picture, { version, to: held.base, spent_ms });
    held.ours = false;
    return answer;
  }

  /** My boxes again, on top of what was said meanwhile. */
  keepMine(id: string): Promise<void> {
    const held = this.held.get(id);
    if (!held?.conflict) return Promise.resolve();
    held.picture = held.conflict.picture;
    held.base = held.picture.version;
    held.conflict = undefined;
    held.state = "waiting";
    return this.save(id);
  }
  /** What was said meanwhile stands; mine can still be had back by undo. */
  takeTheirs(id: string, now: number): void {
    const held = this.held.get(id);
    if (!held?.conflict) return;
    const theirs = draftOf(held.conflict.picture);
    this.past.push({ picture: id, before: held.draft, after: theirs, mark: undefined, at: now });
    this.future = [];
    Object.assign(held, {
      picture: held.conflict.picture,
      base: held.conflict.picture.version,
      draft: theirs,
      initial: theirs,
      saved: theirs,
      ours: false,
      conflict: undefined,
      state: "clean",
    });
    this.tell();
  }

  get unsaved(): boolean {
    return [...this.held.values()].some((h) => h.draft !== h.saved);
  }
  /** Labelled in this sitting, and the seconds each took. */
  progress(): { labelled: number; secondsEach: number | undefined } {
    const done = [...this.held.values()].filter((h) => h.draft !== h.initial && h.draft.verdict);
    const ms = done.reduce((sum, h) => sum + h.spentMs, 0);
    return {
      labelled: done.length,
      secondsEach: done.length ? ms / done.length / 1000 : undefined,
    };
  }
}
