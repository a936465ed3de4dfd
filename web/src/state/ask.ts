// What was asked of the hub, kept by key: a place shown again shows at once what it last knew, and
// says how old that is. Live changes and a regained line ask again.
import { useEffect, useState } from "preact/hooks";
import { Failure } from "../api/client";
import type { Change } from "../contract.gen";

export type Topic = Change["type"] | "site";

interface Kept {
  data: unknown;
  error: Failure | undefined;
  at: number;
  busy: boolean;
  again: boolean;
  load: (() => Promise<unknown>) | undefined;
  topics: readonly Topic[];
  shown: Set<() => void>;
}

export interface View<T> {
  data: T | undefined;
  error: Failure | undefined;
  at: number;
  busy: boolean;
  reload: () => void;
}

const KEPT_MAX = 64;
const kept = new Map<string, Kept>();

function keep(key: string): Kept {
  let found = kept.get(key);
  if (!found) {
    found = {
      data: undefined,
      error: undefined,
      at: 0,
      busy: false,
      again: false,
      load: undefined,
      topics: [],
      shown: new Set(),
    };
    kept.set(key, found);
    forgetOldest();
  }
  return found;
}
function forgetOldest(): void {
  for (const [key, one] of kept) {
    if (kept.size <= KEPT_MAX) return;
    if (!one.shown.size && !one.busy) kept.delete(key);
  }
}
function tell(one: Kept): void {
  for (const call of one.shown) call();
}

async function fetchKept(one: Kept): Promise<void> {
  if (!one.load) return;
  if (one.busy) {
    one.again = true;
    return;
  }
  one.busy = true;
  tell(one);
  do {
    one.again = false;
    try {
      one.data = await one.load();
      one.error = undefined;
      one.at = Date.now();
    } catch (error) {
      one.error =
        error instanceof Failure
          ? error
          : new Failure(-1, {
              class: "invalid",
              fact: "This page made a mistake.",
              detail: String(error),
            });
    }
  } while (one.again);
  one.busy = false;
  tell(one);
}

/** Change what is kept without asking: optimistic answers, one more page. */
export function amend<T>(key: string, change: (data: T) => T): void {
  const one = kept.get(key);
  if (!one || one.data === undefined) return;
  one.data = change(one.data as T);
  tell(one);
}
export function peek<T>(key: string): T | undefined {
  return kept.get(key)?.data as T | undefined;
}
export function put(key: string, data: unknown): void {
  const one = keep(key);
  one.data = data;
  one.error = undefined;
  one.at = Date.now();
  tell(one);
}
export function forgetAll(): void {
  for (const one of kept.values()) {
    one.data = undefined;
    one.error = undefined;
    one.at = 0;
  }
}

let due = new Set<Topic>();
let timer = 0;
let askedAt = 0;
const GATHER_MS = 120;
const BETWEEN_MS = 800;

/** Asks again for what is on the page and about this topic. A burst of changes becomes one question,
 *  and a situation that changes all the time about one a second. */
export function refresh(topic: Topic): void {
  due.add(topic);
  if (timer) return;
  timer = window.setTimeout(
    () => {
      const topics = due;
      due = new Set();
      timer = 0;
      askedAt = Date.now();
      for (const one of kept.values()) {
        if (!one.topics.some((t) => topics.has(t))) continue;
        if (one.shown.size) void fetchKept(one);
        else one.at = 0;
      }
    },
    Math.max(GATHER_MS, askedAt + BETWEEN_MS - Date.now()),
  );
}
export function refreshAll(): void {
  const topics = new Set<Topic>();
  for (const one of kept.values()) for (const topic of one.topics) topics.add(topic);
  for (const topic of topics) refresh(topic);
}

const FRESH_MS = 2000;

export function useAsk<T>(
  key: string | null,
  load: () => Promise<T>,
  topics: readonly Topic[],
): View<T> {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (key === null) return;
    const one = keep(key);
    const call = () => redraw((n) => n + 1);
    one.load = load;
    one.topics = topics;
    one.shown.add(call);
    if (Date.now() - one.at > FRESH_MS) void fetchKept(one);
    call();
    return () => {
      one.shown.delete(call);
    };
  }, [key]);
  const one = key === null ? undefined : kept.get(key);
  if (one) one.load = one.shown.size ? load : one.load;
  return {
    data: one?.data as T | undefined,
    error: one?.error,
    at: one?.at ?? 0,
    busy: one?.busy ?? key !== null,
    reload: () => {
      if (one) void fetchKept(one);
    },
  };
}
