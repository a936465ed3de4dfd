// The hub's API, one function per operation. Every failure is a Failure with fact, detail and hint,
// so that whoever shows it can say what, why and what to do.
import type * as c from "../contract.gen";
import * as d from "./decode";

export class Failure extends globalThis.Error {
  constructor(
    readonly status: number,
    readonly body: c.ErrorBody,
    readonly retryAfterS = 0,
    readonly conflict?: c.Conflict,
    /** the whole answer, for whoever knows its words */
    readonly answer?: unknown,
  ) {
    super(body.fact);
  }
  get unreachable(): boolean {
    return this.status === 0;
  }
}

const ANSWER_TIMEOUT_MS = 20_000;
const UPLOAD_TIMEOUT_MS = 600_000;
let csrf = "";
let onSignedOut: () => void = () => {};

export function whenSignedOut(call: () => void): void {
  onSignedOut = call;
}

function unreachable(changing: boolean): Failure {
  return new Failure(0, {
    class: "retry",
    fact: "The hub did not answer.",
    detail: navigator.onLine
      ? "It may be restarting, or the network in between is down."
      : "This device has no network.",
    hint: changing
      ? "Whether it was done is not known: look when the hub is back, then try again."
      : "Reading is tried again by itself.",
  });
}

function parse(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

async function failureOf(answer: Response): Promise<Failure> {
  const seen = parse(await answer.text().catch(() => ""));
  const retryAfterS = Number(answer.headers.get("Retry-After")) || 0;
  let body: c.ErrorBody = {
    class: answer.status >= 500 ? "io" : "invalid",
    fact: `The hub answered with ${answer.status}.`,
    hint: answer.status >= 500 ? "The hub's log says more: journalctl -u vedette-hub" : undefined,
  };
  try {
    body = d.errorBody((seen as { error?: unknown } | undefined)?.error, "error");
    if (answer.status === 409) return new Failure(409, body, 0, d.conflict(seen, ""), seen);
  } catch {
    // Not in the contract's words (a proxy's page, an older hub): the status says what there is.
  }
  return new Failure(answer.status, body, retryAfterS, undefined, seen);
}

interface Ask<T> {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** sent as JSON; a Blob as it is, with its own type and with time to travel */
  body?: unknown;
  read: d.Decoder<T>;
  signal?: AbortSignal | undefined;
  signingIn?: boolean;
}

export async function ask<T>(path: string, how: Ask<T>): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const file = how.body instanceof Blob ? how.body : undefined;
  if (how.body !== undefined) headers["Content-Type"] = file?.type || "application/json";
  if (how.method && csrf) headers["X-Vedette-Csrf"] = csrf;
  const timeout = AbortSignal.timeout(file ? UPLOAD_TIMEOUT_MS : ANSWER_TIMEOUT_MS);
  const signal = how.signal ? AbortSignal.any([how.signal, timeout]) : timeout;
  let answer: Response;
  let raw: string;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method: how.method ?? "GET",
      headers,
      signal,
      credentials: "same-origin",
      cache: "no-store",
      body: file ?? (how.body === undefined ? null : JSON.stringify(how.body)),
    });
    if (!answer.ok) {
      if (answer.status === 401 && !how.signingIn) onSignedOut();
      throw await failureOf(answer);
    }
    raw = answer.status === 204 ? "" : await answer.text();
  } catch (error) {
    if (error instanceof Failure || how.signal?.aborted) throw error;
    throw unreachable(how.method !== undefined && how.method !== "GET" && !how.signingIn);
  }
  return decoded(raw, how.read);
}

function decoded<T>(raw: string, read: d.Decoder<T>): T {
  try {
    return read(parse(raw), "");
  } catch (error) {
    throw new Failure(200, {
      class: "corrupt",
      fact: "The hub's answer could not be read.",
      detail: error instanceof globalThis.Error ? error.message : "",
      hint: "Page and hub may be of different versions: reload this page.",
    });
  }
}

const at = encodeURIComponent;

const mediaPath = (device: string, camera: string) =>
  `/cameras/${at(device)}/${at(camera)}/media`;

function keepCsrf(session: c.Session): c.Session {
  csrf = session.csrf ?? csrf;
  return session;
}

export const api = {
  health: () => ask("/health", { read: d.health }),
  session: () => ask("/session", { read: d.session, signingIn: true }).then(keepCsrf),
  signIn: (who: c.SignIn) =>
    ask("/session", { method: "POST", body: who, read: d.session, signingIn: true }).then(keepCsrf),
  signOut: () => ask("/session", { method: "DELETE", read: d.nothing }),
  changePassword: (body: c.PasswordChange) =>
    ask("/session/password", { method: "POST", body, read: d.nothing, signingIn: true }),
  users: () => ask("/users", { read: d.userPage }),
  createUser: (body: c.NewUser) => ask("/users", { method: "POST", body, read: d.user }),
  incidents: (query: URLSearchParams) => ask(`/incidents?${query}`, { read: d.incidentPage }),
  incident: (id: string) => ask(`/incidents/${at(id)}`, { read: d.incidentDetail }),
  acknowledge: (id: string, body: c.Acknowledge) =>
    ask(`/incidents/${at(id)}/acknowledge`, { method: "POST", body, read: d.incidentDetail }),
  resolve: (id: string, body: c.Resolve) =>
    ask(`/incidents/${at(id)}/resolve`, { method: "POST", body, read: d.incidentDetail }),
  reopen: (id: string, body: c.Acknowledge) =>
    ask(`/incidents/${at(id)}/reopen`, { method: "POST", body, read: d.incidentDetail }),
  askEvidence: (digest: string) =>
    ask(`/evidence/${at(digest)}/ask`, { method: "POST", read: d.askedEvidence }),
  media: (device: string, camera: string) => ask(mediaPath(device, camera), { read: d.mediaList }),
  askMedia: (device: string, camera: string, body: c.MediaWish) =>
    ask(mediaPath(device, camera), { method: "POST", body, read: d.media }),
  cameras: () => ask("/cameras", { read: d.cameraPage }),
  devices: () => ask("/devices", { read: d.devicePage }),
  createDevice: (body: c.NewDevice) => ask("/devices", { method: "POST", body, read: d.device }),
  updateDevice: (id: string, body: c.DeviceChange) =>
    ask(`/devices/${at(id)}`, { method: "PATCH", body, read: d.device }),
  twin: (id: string) => ask(`/devices/${at(id)}/twin`, { read: d.twin }),
  deviceConnection: (id: string) =>
    ask(`/devices/${at(id)}/connection-string`, { read: d.connectionString }),
  deliveries: (query: URLSearchParams) => ask(`/deliveries?${query}`, { read: d.deliveryPage }),
  mailbox: () => ask("/mailbox", { read: d.mailPage }),
};

export function evidenceUrl(digest: string, widthPx?: number): string {
  return `/api/v1/evidence/${at(digest)}${widthPx ? `?width=${widthPx}` : ""}`;
}
export function cameraPictureUrl(device: string, camera: string): string {
  return `/api/v1/cameras/${at(device)}/${at(camera)}/picture`;
}
export function mailUrl(id: string): string {
  return `/api/v1/mailbox/${at(id)}`;
}
