// Evidence that was asked for: the hub does not keep the asking, so the page does, until the file is here.
import { useEffect, useState } from "preact/hooks";
import { api, Failure } from "../api/client";
import { refresh } from "./ask";

export interface Asking {
  state: "asking" | "asked" | "refused";
  at: number;
  failure?: Failure;
}

const KEPT_MAX = 200;
const asked = new Map<string, Asking>();
const shown = new Set<() => void>();

function set(digest: string, asking: Asking): void {
  asked.delete(digest);
  asked.set(digest, asking);
  for (const oldest of asked.keys()) if (asked.size > KEPT_MAX) asked.delete(oldest);
  for (const call of shown) call();
}

export function askingOf(digest: string): Asking | undefined {
  return asked.get(digest);
}
export function useAsking(): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    const call = () => redraw((n) => n + 1);
    shown.add(call);
    return () => {
      shown.delete(call);
    };
  }, []);
}

/** The line tells of the incident when the file is here; nothing is told when it never comes. */
export async function askFor(digest: string): Promise<void> {
  if (asked.get(digest)?.state === "asking") return;
  set(digest, { state: "asking", at: Date.now() });
  try {
    await api.askEvidence(digest);
    set(digest, { state: "asked", at: Date.now() });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    set(digest, { state: "refused", at: Date.now(), failure: error });
  }
  refresh("incident");
}
