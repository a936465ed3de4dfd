// What the whole page knows: who is signed in, the site, the line, the notices. One small store.
import { useEffect, useState } from "preact/hooks";
import type { Health, User } from "../contract.gen";
import { api, Failure, whenSignedOut } from "../api/client";
import { Stream, type Line } from "../api/stream";
import { useZone } from "../logic/time";
import { forgetAll, refresh, refreshAll } from "./ask";
import { makeShown } from "./shown";

export interface Notice {
  id: number;
  text: string;
  tone: "done" | "bad";
  undo?: (() => void) | undefined;
}
export interface App {
  /** undefined: not known yet; null: signed out */
  user: User | null | undefined;
  /** The session ended under a page that is in use: sign in again over it, nothing is lost. */
  again: boolean;
  startFailure: Failure | undefined;
  health: Health | undefined;
  line: Line;
  notices: Notice[];
}

let app: App = {
  user: undefined,
  again: false,
  startFailure: undefined,
  health: undefined,
  line: { state: "connecting", heardAt: Date.now() },
  notices: [],
};
const shown = makeShown();
let stream: Stream | undefined;

export function setApp(change: Partial<App>): void {
  app = { ...app, ...change };
  shown.tell();
}
export function getApp(): App {
  return app;
}
export function useApp(): App {
  shown.use();
  return app;
}

export async function loadHealth(): Promise<void> {
  const health = await api.health();
  useZone(health.time_zone);
  setApp({ health });
}

export async function start(): Promise<void> {
  whenSignedOut(() => {
    stream?.stop();
    stream = undefined;
    setApp(app.user ? { again: true } : { user: null });
  });
  setApp({ startFailure: undefined });
  try {
    await loadHealth();
    const session = await api.session();
    signedIn(session.user);
  } catch (error) {
    if (error instanceof Failure && error.status === 401) setApp({ user: null });
    else if (error instanceof Failure) setApp({ startFailure: error });
    else throw error;
  }
}

export function signedIn(user: User): void {
  const { again } = app;
  const other = app.user && app.user.name !== user.name;
  if (other) forgetAll();
  setApp({ user, again: false });
  stream?.stop();
  stream = new Stream({
    changed: (what) => refresh(what.type),
    line: (line) => setApp({ line }),
    regained: () => {
      refreshAll();
      void loadHealth().catch(() => undefined);
    },
    signedOut: () => setApp({ again: true }),
  });
  stream.start();
  if (again) refreshAll();
}

export async function signOut(): Promise<void> {
  await api.signOut().catch((error: unknown) => {
    if (!(error instanceof Failure) || error.status !== 401) throw error;
  });
  stream?.stop();
  stream = undefined;
  forgetAll();
  setApp({ user: null, again: false, notices: [] });
}

let lastNotice = 0;
const NOTICE_MS = 8000;

export function notice(text: string, how: { tone?: Notice["tone"]; undo?: () => void } = {}): void {
  const id = ++lastNotice;
  const one: Notice = { id, text, tone: how.tone ?? "done", undo: how.undo };
  setApp({ notices: [...app.notices.slice(-2), one] });
  window.setTimeout(() => closeNotice(id), NOTICE_MS);
}
export function closeNotice(id: number): void {
  setApp({ notices: app.notices.filter((n) => n.id !== id) });
}

/** The time, ticking once a second while the page is looked at. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => !document.hidden && set(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}
