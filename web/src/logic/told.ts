// What a device's twin tells of one camera beside what the list of cameras does: whose entry holds, what was
// refused, which profile is armed, which models look. All of it may be missing: older agents say less.
import type { Twin } from "../contract.gen";

export interface Refusal {
  what: "entry" | "cameras" | "file" | "arming";
  why?: string | undefined;
  hint?: string | undefined;
}
export interface Looking {
  id?: string;
  name?: string | undefined;
  digest?: string | undefined;
  provider?: string | undefined;
  missing?: string | undefined;
}
export interface Told {
  source?: "hub" | "file";
  refusals: Refusal[];
  profile?: string | undefined;
  profileBy?: "hub" | "file";
  provider?: string | undefined;
  decoder?: string | undefined;
  masks?: number | undefined;
  others: Looking[];
}

type Node = Record<string, unknown>;
const node = (v: unknown): Node =>
  typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Node) : {};
const text = (v: unknown): string | undefined => (typeof v === "string" && v ? v : undefined);

function refusal(what: Refusal["what"], of: unknown): Refusal[] {
  const { state, why, hint } = node(of);
  return state === "refused" ? [{ what, why: text(why), hint: text(hint) }] : [];
}

/** What the device says holds; older agents say only that they took the hub's word. */
function armed(desired: Node, reported: Node): string | undefined {
  const said = text(node(reported.agent).profile);
  if (said) return said;
  return node(reported.arming).state === "accepted"
    ? text(node(desired.arming).profile)
    : undefined;
}

export function toldOf(twin: Twin, camera: string): Told {
  const { desired, reported } = twin.properties;
  const own = node(node(reported.cameras)[camera]);
  const model = node(reported.model);
  const agent = node(reported.agent);
  return {
    ...(own.source === "hub" || own.source === "file" ? { source: own.source } : {}),
    refusals: [
      ...refusal("entry", own.entry),
      ...refusal("cameras", agent.desired_cameras),
      ...refusal("file", agent.file),
      ...refusal("arming", reported.arming),
    ],
    profile: armed(desired, reported),
    ...(agent.profile_by === "file" || agent.profile_by === "hub"
      ? { profileBy: agent.profile_by }
      : {}),
    provider: text(model.provider),
    decoder: text(own.decoder),
    masks: typeof own.masks === "number" && own.masks > 0 ? own.masks : undefined,
    others: Object.entries(node(model.others)).map(([id, said]) => {
      const { name, digest, provider, missing } = node(said);
      return {
        id,
        name: text(name),
        digest: text(digest),
        provider: text(provider),
        missing: text(missing),
      };
    }),
  };
}
