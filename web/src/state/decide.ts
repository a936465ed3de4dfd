// Acknowledge, resolve, reopen: shown at once, then asked. The hub's answer replaces the guess; a refusal
// takes the guess back and says who did what first.
import type {
  Conflict,
  HistoryEntry,
  Incident,
  IncidentDetail,
  IncidentPage,
  Verdict,
} from "../contract.gen";
import { api, Failure } from "../api/client";
import { verdictText } from "../logic/words";
import { amend, peek, put, refresh } from "./ask";
import { getApp, notice, setApp } from "./app";
import { makeShown } from "./shown";

export interface Trouble {
  failure: Failure;
  conflict?: Conflict | undefined;
  again: () => void;
}

const guesses = new Map<string, Partial<Incident>>();
const troubles = new Map<string, Trouble>();
const shown = makeShown();

export const useDecisions = shown.use;
export function guessed<T extends Incident>(one: T): T {
  const guess = guesses.get(one.id);
  return guess ? { ...one, ...guess } : one;
}
export function deciding(id: string): boolean {
  return guesses.has(id);
}
export function troubleOf(id: string): Trouble | undefined {
  return troubles.get(id);
}
export function dismissTrouble(id: string): void {
  troubles.delete(id);
  shown.tell();
}

export function incidentKey(id: string): string {
  return `incident/${id}`;
}

function adopt(detail: IncidentDetail, listKeys: readonly string[]): void {
  put(incidentKey(detail.id), detail);
  for (const key of listKeys) {
    amend<IncidentPage>(key, (page) => ({
      ...page,
      incidents: page.incidents.map((i) => (i.id === detail.id ? { ...i, ...detail } : i)),
    }));
  }
}

let openLists: readonly string[] = [];
export function listsShown(keys: readonly string[]): void {
  openLists = keys;
}

const people = new Set<HistoryEntry["what"]>(["acknowledged", "resolved", "reopened", "note"]);
const TRIES_MAX = 5;

/** The version rises with every event that joins, too. When nobody decided anything in between, what the
 *  person saw still holds: decide on the newer version. When somebody did, the refusal stands. */
async function sendLatest(
  before: Incident,
  send: (version: number) => Promise<IncidentDetail>,
): Promise<IncidentDetail> {
  let { version } = before;
  for (let tries = 1; ; tries++) {
    try {
      return await send(version);
    } catch (error) {
      const conflict = error instanceof Failure ? error.conflict : undefined;
      const decided =
        !conflict ||
        conflict.incident.state !== before.state ||
        conflict.changes.some((c) => people.has(c.what));
      if (decided || tries === TRIES_MAX) throw error;
      ({ version } = conflict.incident);
    }
  }
}

async function decide(
  before: Incident,
  guess: Partial<Incident>,
  send: (version: number) => Promise<IncidentDetail>,
  said: string,
  retry: () => void,
  undoable: boolean,
): Promise<boolean> {
  if (guesses.has(before.id)) return false;
  guesses.set(before.id, guess);
  troubles.delete(before.id);
  shown.tell();
  try {
    const after = await sendLatest(before, send);
    adopt(after, openLists);
    notice(said, undoable ? { undo: () => void reopen(after) } : {});
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.conflict) adopt(error.conflict.incident, openLists);
    troubles.set(before.id, { failure: error, conflict: error.conflict, again: retry });
    return false;
  } finally {
    guesses.delete(before.id);
    shown.tell();
    refresh("incident");
  }
}

const nowText = () => new Date().toISOString();
const me = () => getApp().user?.name ?? null;

export function acknowledge(one: Incident): Promise<boolean> {
  return decide(
    one,
    { state: "acknowledged", acknowledged_by: me(), acknowledged_at: nowText() },
    (version) => api.acknowledge(one.id, { version }),
    "Acknowledged",
    () => void acknowledge(latest(one)),
    true,
  );
}
export function resolve(one: Incident, verdict: Verdict, note: string): Promise<boolean> {
  return decide(
    one,
    { state: "resolved", verdict, note, resolved_by: me(), resolved_at: nowText() },
    (version) => api.resolve(one.id, note ? { version, verdict, note } : { version, verdict }),
    `Resolved: ${verdictText[verdict]}`,
    () => void resolve(latest(one), verdict, note),
    true,
  );
}
export function reopen(one: Incident): Promise<boolean> {
  const back = one.state === "resolved" && one.acknowledged_by ? "acknowledged" : "open";
  return decide(
    one,
    { state: back },
    (version) => api.reopen(one.id, { version }),
    back === "open" ? "Open again" : "Taken back: acknowledged",
    () => void reopen(latest(one)),
    false,
  );
}
function latest(one: Incident): Incident {
  return peek<IncidentDetail>(incidentKey(one.id)) ?? one;
}

export function undoLast(): void {
  const last = [...getApp().notices].reverse().find((n) => n.undo);
  if (!last?.undo) return;
  last.undo();
  setApp({ notices: getApp().notices.filter((n) => n !== last) });
}
