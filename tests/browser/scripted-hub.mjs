// A hub that plays a script: the contract's answers over a site in memory, with faults on command.
// It serves web/dist with the content security policy the real hub sends, so a page that needs more fails here.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { iso, note, wishOf } from "./fixtures.mjs";

const ROOT = process.env.VEDETTE_SOURCE_ROOT ?? new URL("../..", import.meta.url).pathname;
const DIST = process.env.VEDETTE_WEB_DIST ?? join(ROOT, "web/dist");
export const CSP =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const types = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
};
export const problem = (cls, fact, hint, detail) => ({
    error: { class: cls, fact, ...(detail ? { detail } : {}), ...(hint ? { hint } : {}) },
});

export class ScriptedHub {
    constructor(site, shots) {
        this.site = site;
        this.user = null;
        this.faults = [];
        this.asked = [];
        this.lines = new Set();
        this.blobs = new Map(
            shots.flatMap((s) => [
                [s.picture.digest, { type: "image/jpeg", bytes: s.picture.bytes }],
                [s.clip.digest, { type: "video/mp4", bytes: s.clip.bytes }],
            ]),
        );
        this.shots = shots;
        /** More places of the API: name -> ({req, res, rest, query, body, json, problem}) => ... */
        this.places = {};
        this.pictureAgeMs = 400;
        this.server = createServer((req, res) =>
            this.#answer(req, res).catch((e) => {
                if (!res.headersSent) res.writeHead(500);
                res.end(String(e));
            }),
        );
    }
    async start() {
        await new Promise((up) => this.server.listen(this.port ?? 0, "127.0.0.1", up));
        this.port = this.server.address().port;
        this.url = `http://127.0.0.1:${this.port}`;
        this.beat = setInterval(() => this.#toLines(": alive\n\n"), 2000);
        return this;
    }
    async stop() {
        clearInterval(this.beat);
        this.server.closeAllConnections();
        await new Promise((down) => this.server.close(down));
    }
    signIn(name) {
        this.user = this.site.users.find((u) => u.name === name);
    }
    /** The next answers to paths that match are this: {status, body, headers}, or {hang: true}, or {drop: true}. */
    fail(path, how) {
        this.faults.push({ path, ...how });
    }
    mend() {
        this.faults = [];
    }
    mute() {
        clearInterval(this.beat);
    }
    change(type, id) {
        this.#toLines(`event: ${type}\ndata: ${JSON.stringify({ type, id })}\n\n`);
    }
    find(id) {
        return this.site.incidents.find((i) => i.id === id);
    }
    #toLines(text) {
        for (const line of this.lines) line.write(text);
    }

    async #answer(req, res) {
        const url = new URL(req.url, "http://hub");
        if (!url.pathname.startsWith("/api/")) return this.#file(url.pathname, res);
        const parts = [];
        for await (const part of req) parts.push(part);
        const bytes = Buffer.concat(parts);
        const isJson = /json/.test(req.headers["content-type"] ?? "");
        const body = bytes.length ? (isJson ? JSON.parse(bytes) : bytes) : undefined;
        const path = url.pathname.slice("/api/v1".length);
        this.asked.push({
            method: req.method,
            path,
            query: url.searchParams,
            body: body ?? "",
            csrf: req.headers["x-vedette-csrf"],
            at: Date.now(),
        });
        const fault = this.faults.find((f) => f.path.test(`${req.method} ${path}`));
        if (fault?.hang) return;
        if (fault?.drop) return req.socket.destroy();
        if (fault) return json(res, fault.status, fault.body ?? {}, fault.headers);
        this.#api(req, res, path, url.searchParams, body);
    }

    #file(path, res) {
        const wanted = join(DIST, normalize(path));
        const file = extname(path) && existsSync(wanted) ? wanted : join(DIST, "index.html");
        res.writeHead(200, {
            "Content-Type": types[extname(file)] ?? "application/octet-stream",
            "Content-Security-Policy": CSP,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        });
        res.end(readFileSync(file));
    }

    #api(req, res, path, query, body) {
        const [place, id, ...rest] = path.split("/").filter(Boolean).map(decodeURIComponent);
        if (place === "health")
            return json(res, 200, { ...this.site.health, time: iso(Date.now()) });
        if (place === "session" && req.method === "POST" && !id) return this.#signIn(res, body);
        if (!this.user)
            return json(res, 401, problem("denied", "You are not signed in.", "Sign in."));
        if (req.method !== "GET" && req.headers["x-vedette-csrf"] !== "c5rf")
            return json(res, 403, problem("denied", "The request lacks the session's csrf value."));
        const handler = {
            session: () => this.#session(req, res, id, body),
            users: () => this.#users(req, res, body),
            incidents: () => this.#incidents(res, query, id, rest[0], body),
            evidence: () =>
                rest[0] === "ask" ? this.#askEvidence(res, id) : this.#evidence(req, res, id),
            blobs: () => this.#evidence(req, res, id),
            cameras: () =>
                rest[1] === "media"
                    ? this.#media(req, res, { device: id, camera: rest[0] }, body)
                    : this.#cameras(res, id, rest),
            devices: () => this.#devices(req, res, id, rest[0], body),
            deliveries: () => this.#deliveries(res),
            mailbox: () => this.#mailbox(res, id),
            stream: () => this.#stream(res),
            ...(this.places[place] && {
                [place]: () =>
                    this.places[place]({
                        req,
                        res,
                        rest: id === undefined ? [] : [id, ...rest],
                        query,
                        body,
                    }),
            }),
        }[place];
        if (!handler) return json(res, 404, problem("absent", "There is nothing at this address."));
        return handler();
    }

    #signIn(res, { name, password }) {
        const user = this.site.users.find((u) => u.name === name && u.password === password);
        if (!user)
            return json(
                res,
                401,
                problem("denied", "Name or password is wrong.", "Check both; capitals count."),
            );
        this.user = user;
        return json(res, 200, { user: shown(user), csrf: "c5rf" });
    }
    #session(req, res, id, body) {
        if (id === "password") {
            if (body.old_password !== this.user.password)
                return json(
                    res,
                    401,
                    problem("denied", "The password you have now is not this one."),
                );
            this.user.password = body.new_password;
            return json(res, 204);
        }
        if (req.method === "DELETE") {
            this.user = null;
            return json(res, 204);
        }
        return json(res, 200, { user: shown(this.user), csrf: "c5rf" });
    }
    #users(req, res, body) {
        if (req.method === "GET") return json(res, 200, { users: this.site.users.map(shown) });
        if (this.site.users.some((u) => u.name === body.name))
            return json(
                res,
                409,
                problem(
                    "conflict",
                    `There is a user "${body.name}" already.`,
                    "Choose another name.",
                ),
            );
        this.site.users.push({ ...body, created_at: iso(Date.now()) });
        return json(res, 201, shown(this.site.users.at(-1)));
    }

    #incidents(res, query, id, verb, body) {
        if (!id) return json(res, 200, this.#page(query));
        const one = this.find(id);
        if (!one) return json(res, 404, problem("absent", "There is no such incident."));
        if (!verb) return json(res, 200, one);
        if (body.version !== one.version) {
            return json(res, 409, {
                ...problem("conflict", "The incident changed since you saw it."),
                incident: one,
                changes: one.history.filter((h) => h.version > body.version),
            });
        }
        this.#decide(one, verb, body);
        this.change("incident", one.id);
        return json(res, 200, one);
    }
    #decide(one, verb, body) {
        const me = this.user.name;
        const at = iso(Date.now());
        if (verb === "acknowledge")
            Object.assign(note(one, me, "acknowledged", 0), {
                state: "acknowledged",
                acknowledged_by: me,
                acknowledged_at: at,
            });
        if (verb === "resolve")
            Object.assign(note(one, me, "resolved", 0, body.verdict), {
                state: "resolved",
                resolved_by: me,
                resolved_at: at,
                verdict: body.verdict,
                note: body.note ?? "",
            });
        if (verb === "reopen") {
            const back =
                one.state === "resolved" && one.acknowledged_by
                    ? { state: "acknowledged" }
                    : { state: "open", acknowledged_by: null, acknowledged_at: null };
            Object.assign(note(one, me, "reopened", 0), back, {
                resolved_by: null,
                resolved_at: null,
                note: "",
            });
            delete one.verdict;
        }
    }
    #page(query) {
        const all = [...this.site.incidents].sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
        const wanted = query.get("state")?.split(",");
        const fits = (i) =>
            (!wanted || wanted.includes(i.state)) &&
            ["camera", "severity", "device", "acknowledged_by"].every((k) => !query.get(k) || i[k] === query.get(k)) &&
            (!query.get("q") ||
                `${i.title} ${i.camera} ${i.note}`
                    .toLowerCase()
                    .includes(query.get("q").toLowerCase()));
        const from = Number(query.get("cursor") ?? 0);
        const limit = Number(query.get("limit") ?? 50);
        const list = all.filter(fits);
        const counts = Object.fromEntries(
            ["open", "acknowledged", "resolved"].map((s) => [
                s,
                all.filter((i) => i.state === s).length,
            ]),
        );
        counts.mine = all.filter(
            (i) => i.state === "acknowledged" && i.acknowledged_by === this.user.name,
        ).length;
        const incidents = list
            .slice(from, from + limit)
            .map(({ events, history, deliveries, ...i }) => i);
        return {
            incidents,
            counts,
            ...(from + limit < list.length ? { next: String(from + limit) } : {}),
        };
    }

    #evidence(req, res, digest) {
        const blob = this.blobs.get(digest);
        if (!blob || this.#isHeld(digest))
            return json(res, 404, problem("absent", "This file has not arrived."));
        const part = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? "");
        if (!part) {
            res.writeHead(200, {
                "Content-Type": blob.type,
                "Content-Length": blob.bytes.length,
                "Accept-Ranges": "bytes",
                "Cache-Control": "private, max-age=31536000, immutable",
            });
            return res.end(blob.bytes);
        }
        const from = Number(part[1]);
        const to = part[2]
            ? Math.min(Number(part[2]), blob.bytes.length - 1)
            : blob.bytes.length - 1;
        res.writeHead(206, {
            "Content-Type": blob.type,
            "Content-Length": to - from + 1,
            "Content-Range": `bytes ${from}-${to}/${blob.bytes.length}`,
            "Accept-Ranges": "bytes",
        });
        return res.end(blob.bytes.subarray(from, to + 1));
    }
    #isHeld(digest) {
        return this.site.incidents
            .flatMap((i) => i.events)
            .some((e) => e.evidence.some((f) => f.digest === digest && f.held && !f.arrived));
    }
    /** The device sends it when the test says so: arrive(). */
    #askEvidence(res, digest) {
        if (this.user.role === "viewer") return json(res, 403, problem("denied", "This is for operators."));
        const one = this.site.incidents.find((i) =>
            i.events.some((e) => e.evidence.some((f) => f.digest === digest)),
        );
        return json(res, 202, { digest, device: one.device });
    }
    arrive(one, kind) {
        for (const event of one.events)
            for (const file of event.evidence) if (file.kind === kind) file.arrived = true;
        this.change("incident", one.id);
    }
    #media(req, res, at, body) {
        const own = (m) => m.device === at.device && m.camera === at.camera;
        if (req.method === "GET") return json(res, 200, { media: this.site.media.filter(own) });
        const one = wishOf({ ...at, ...body, asked_by: this.user.name });
        this.site.media.unshift(one);
        return json(res, 202, one);
    }
    #cameras(res, device, [camera, what]) {
        if (!device) return json(res, 200, { cameras: this.site.cameras });
        const n = this.site.cameras.findIndex((c) => c.device === device && c.camera === camera);
        const one = this.site.cameras[n];
        if (what !== "picture" || !one || one.state === "failed")
            return json(res, 404, problem("absent", "No picture has arrived yet."), {
                "Retry-After": "1",
            });
        const ageMs = one.state === "live" ? this.pictureAgeMs : Date.now() - Date.parse(one.since);
        res.writeHead(200, {
            "Content-Type": "image/jpeg",
            "X-Captured-At": iso(Date.now() - ageMs),
            "Cache-Control": "no-store",
        });
        return res.end(this.shots[n % this.shots.length].picture.bytes);
    }
    #devices(req, res, id, what, body) {
        if (!id && req.method === "GET") return json(res, 200, { devices: this.site.devices });
        if (!id) {
            if (this.site.devices.some((d) => d.id === body.id))
                return json(
                    res,
                    409,
                    problem(
                        "conflict",
                        `There is a device "${body.id}" already.`,
                        "Choose another name.",
                    ),
                );
            const made = {
                id: body.id,
                enabled: true,
                connected: false,
                created_at: iso(Date.now()),
                last_seen_at: null,
            };
            this.site.devices.push(made);
            return json(res, 201, made);
        }
        const one = this.site.devices.find((d) => d.id === id);
        if (!one) return json(res, 404, problem("absent", "There is no such device."));
        if (what === "connection-string")
            return json(res, 200, {
                connection_string: `HostName=hub.example.org;DeviceId=${id};SharedAccessKey=dGhpcyBpcyBub3QgYSByZWFsIGtleSBvZiBhbnlib2R5`,
            });
        if (what === "twin")
            return json(res, 200, {
                device: id,
                etag: "7",
                tags: {},
                properties: this.site.twins[id] ?? {
                    desired: { $version: 1, $metadata: {} },
                    reported: { agent: { version: "0.1.0" } },
                },
            });
        if (req.method === "PATCH")
            Object.assign(one, body, body.enabled ? {} : { connected: false });
        return json(res, 200, one);
    }
    #deliveries(res) {
        const all = this.site.incidents
            .flatMap((i) => i.deliveries)
            .sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
        return json(res, 200, { deliveries: all });
    }
    #mailbox(res, id) {
        if (!id)
            return json(res, 200, {
                enabled: this.site.mailboxEnabled,
                mails: this.site.mails.map(({ picture, ...m }) => m),
            });
        const mail = this.site.mails.find((m) => m.id === id);
        const coded = this.blobs
            .get(mail.picture)
            .bytes.toString("base64")
            .replace(/.{76}/g, "$&\r\n");
        res.writeHead(200, { "Content-Type": "message/rfc822" });
        return res.end(
            `Subject: ${mail.subject}\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n${mail.text}\r\n--x\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n${coded}\r\n--x--\r\n`,
        );
    }
    #stream(res) {
        res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
        res.write(": hello\n\n");
        this.lines.add(res);
        res.on("close", () => this.lines.delete(res));
    }
}

const shown = ({ password, ...user }) => user;
export function json(res, status, body, headers = {}) {
    res.writeHead(status, { "Content-Type": "application/json", ...headers });
    res.end(status === 204 ? "" : JSON.stringify(body));
}
