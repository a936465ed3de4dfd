// Evidence that was asked for: the hub does not keep the asking, so the page does, until the file is here.
import { api, Failure } from "../api/client";
import { refresh } from "./ask";
import { makeShown } from "./shown";

export interface Asking {
  state: "asking" | "asked" | "refused";
  at: number;
  failure?: Failure;
}

const KEPT_MAX = 200;
const asked = new Map<string, Asking>();
const shown = makeShown();

function set(digest: string, asking: Asking): void {
  asked.delete(digest);
  asked.set(digest, asking);
  for (const oldest of asked.keys()) if (asked.size > KEPT_MAX) asked.delete(oldest);
  shown.tell();
}

export function askingOf(digest: string): Asking | undefined {
  return asked.get(digest);
}
export const useAsking = shown.use;

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
