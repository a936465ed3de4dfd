// Incidents: the live list, and beside it (on a phone: instead of it) the one that is looked at.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { CameraPage, Incident, IncidentPage, Verdict } from "../contract.gen";
import { severity_words } from "../contract.gen";
import { api } from "../api/client";
import { Ago, Asked, Empty, Skeleton } from "../pieces/basics";
import { Thumb, hasOwn } from "../pieces/picture";
import { Close, Mark, Search, SeverityMark } from "../pieces/icons";
import { keysOf } from "../pieces/keys";
import { amend, peek, useAsk } from "../state/ask";
import { useApp } from "../state/app";
import { go, withQuery, type Route } from "../state/route";
import { guessed, listsShown, useDecisions } from "../state/decide";
import { short } from "../logic/time";
import { keptTop, windowOf } from "../logic/window";
import { many, percent, severityText, stateText, verdictText } from "../logic/words";
import { IncidentPlace } from "./incident";

const PAGE = 50;
const PAGE_MAX = 200;

const filterKeys = [
  "camera",
  "severity",
  "q",
  "device",
  "rule",
  "verdict",
  "since",
  "until",
] as const;

/** The address's words are the API's; without a state the open ones are shown, "all" shows every one, and
 *  "mine" what the reader is looking after: the same address shows each their own. */
function questionOf(query: URLSearchParams, me: string): URLSearchParams {
  const ask = new URLSearchParams();
  const state = query.get("state") ?? "open";
  if (state === "mine") {
    ask.set("state", "acknowledged");
    ask.set("acknowledged_by", me);
  } else if (state !== "all") ask.set("state", state);
  for (const key of filterKeys) {
    const value = query.get(key);
    if (value) ask.set(key, value);
  }
  return ask;
}

/** Asks as many pages as are shown already, so that a refresh loses nothing that was scrolled to. */
async function loadList(key: string, question: URLSearchParams): Promise<IncidentPage> {
  const wanted = Math.max(PAGE, peek<IncidentPage>(key)?.incidents.length ?? 0);
  let whole: IncidentPage | undefined;
  do {
    const ask = new URLSearchParams(question);
    ask.set("limit", String(Math.min(PAGE_MAX, wanted - (whole?.incidents.length ?? 0))));
    if (whole?.next) ask.set("cursor", whole.next);
    const page = await api.incidents(ask);
    whole = { ...page, incidents: [...(whole?.incidents ?? []), ...page.incidents] };
  } while (whole.next && whole.incidents.length < wanted);
  return whole;
}

const asking = new Set<string>();
async function loadMore(key: string, question: URLSearchParams): Promise<void> {
  const shown = peek<IncidentPage>(key);
  if (!shown?.next || asking.has(key)) return;
  asking.add(key);
  try {
    const ask = new URLSearchParams(question);
    ask.set("limit", String(PAGE));
    ask.set("cursor", shown.next);
    const page = await api.incidents(ask);
    amend<IncidentPage>(key, (now) => {
      const known = new Set(now.incidents.map((i) => i.id));
      return {
        ...page,
        incidents: [...now.incidents, ...page.incidents.filter((i) => !known.has(i.id))],
      };
    });
  } catch {
    // The next scroll asks again; the line's own state says that the hub is away.
  } finally {
    asking.delete(key);
  }
}

export function IncidentsPlace({ route }: { route: Route }) {
  useDecisions();
  const { user } = useApp();
  const question = questionOf(route.query, user?.name ?? "");
  const key = `incidents?${question}`;
  const view = useAsk<IncidentPage>(key, () => loadList(key, question), ["incident"]);
  const chosen = route.rest[0];
  listsShown([key]);
  const kept = useKeptChosen(view.data?.incidents ?? [], chosen, key);
  const rows = kept.map(guessed);
  useFirstOnDesk(view.data ? rows[0]?.id : undefined, chosen, route.query);
  const open = (id: string, replace = false) =>
    go(withQuery(`/incidents/${id}`, route.query), { replace });
  useNextKeys(rows, chosen, open, route.query);
  return (
    <div class={`incidents${chosen ? " with-chosen" : ""}`}>
      <section class="list-side" aria-label="Incidents">
        <ListHead view={view.data} query={route.query} />
        <Asked view={view} what="Incidents" waiting={<Skeleton lines={7} tall />}>
          {() =>
            rows.length === 0 ? (
              <NothingHere query={route.query} counts={view.data?.counts} />
            ) : (
              <Rows
                rows={rows}
                chosen={chosen}
                query={route.query}
                key={key}
                more={() => void loadMore(key, question)}
                hasMore={Boolean(view.data?.next)}
              />
            )
          }
        </Asked>
      </section>
      <section class="detail-side" aria-label="Incident">
        {chosen ? (
          <IncidentPlace id={chosen} key={chosen} query={route.query} />
        ) : (
          <div class="detail-none">
            <Mark size={44} />
            <p>
              Choose an incident, or press <kbd>j</kbd>.
            </p>
          </div>
        )}
      </section>
    </div>
  );
}

/** The one looked at stays in the list when a decision takes it out of the filter, until another is chosen. */
function useKeptChosen(
  list: readonly Incident[],
  chosen: string | undefined,
  key: string,
): readonly Incident[] {
  const last = useRef<{ key: string; one: Incident }>();
  const found = list.find((i) => i.id === chosen);
  if (found) last.current = { key, one: found };
  const kept = last.current;
  if (found || !kept || kept.one.id !== chosen || kept.key !== key) return list;
  const detail = peek<Incident>(`incident/${chosen}`);
  const older = list.findIndex((i) => i.started_at < kept.one.started_at);
  const at = older < 0 ? list.length : older;
  return [...list.slice(0, at), detail ?? kept.one, ...list.slice(at)];
}

const deskWide = window.matchMedia("(min-width: 761px)");

/** With room beside the list the newest is shown at once. It is named in the address, so one that comes
 *  in later does not slip under a hand that is about to press. */
function useFirstOnDesk(
  first: string | undefined,
  chosen: string | undefined,
  query: URLSearchParams,
): void {
  useEffect(() => {
    if (!chosen && first && deskWide.matches)
      go(withQuery(`/incidents/${first}`, query), { replace: true });
  }, [first, chosen]);
}

function useNextKeys(
  rows: readonly Incident[],
  chosen: string | undefined,
  open: (id: string, replace?: boolean) => void,
  query: URLSearchParams,
): void {
  const now = useRef({ rows, chosen, open, query });
  now.current = { rows, chosen, open, query };
  useEffect(() => {
    const move = (by: 1 | -1) => {
      const { rows, chosen, open } = now.current;
      const at = rows.findIndex((r) => r.id === chosen);
      const to = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
      if (to) open(to.id, chosen !== undefined);
    };
    return keysOf({
      j: () => move(1),
      k: () => move(-1),
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      "/": () => document.querySelector<HTMLInputElement>("#incident-search")?.focus(),
      Escape: () =>
        now.current.chosen && !deskWide.matches && go(withQuery("/incidents", now.current.query)),
    });
  }, []);
}

function ListHead({ view, query }: { view: IncidentPage | undefined; query: URLSearchParams }) {
  const state = query.get("state") ?? "open";
  const to = (name: string) => {
    const q = new URLSearchParams(query);
    if (name === "open") q.delete("state");
    else q.set("state", name);
    return withQuery("/incidents", q);
  };
  /* Counts where they say how much there is to do; the past has none. */
  const tabs: { name: string; title: string; count?: number | undefined }[] = [
    { name: "open", title: stateText.open, count: view?.counts.open },
    { name: "mine", title: "Mine", count: view?.counts.mine },
    { name: "acknowledged", title: stateText.acknowledged, count: view?.counts.acknowledged },
    { name: "resolved", title: stateText.resolved },
    { name: "all", title: "All" },
  ];
  return (
    <header class="list-head">
      <h1 class="place-title">Incidents</h1>
      <nav class="tabs" aria-label="State">
        {tabs.map((t) => (
          <a
            key={t.name}
            href={to(t.name)}
            class="tab"
            aria-current={state === t.name ? "true" : undefined}
          >
            {t.title}
            {t.count !== undefined && (
              <>
                {" "}
                <span class="count num">{t.count.toLocaleString("en")}</span>
              </>
            )}
          </a>
        ))}
      </nav>
      <Filters query={query} />
      <Narrowed query={query} />
    </header>
  );
}

function setFilter(query: URLSearchParams, name: string, value: string): void {
  const q = new URLSearchParams(query);
  if (value) q.set(name, value);
  else q.delete(name);
  go(withQuery("/incidents", q), { replace: true });
}

const TYPING_MS = 250;

function Filters({ query }: { query: URLSearchParams }) {
  const [text, setText] = useState(query.get("q") ?? "");
  const timer = useRef(0);
  const cameras = useAsk<CameraPage>("cameras", () => api.cameras(), ["camera"]);
  const latest = useRef(query);
  latest.current = query;
  const camera = query.get("camera") ?? "";
  const names = [
    ...new Set([
      ...(cameras.data?.cameras.map((c) => c.camera) ?? []),
      ...(camera ? [camera] : []),
    ]),
  ];
  const type = (value: string) => {
    setText(value);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(
      () => setFilter(latest.current, "q", value.trim()),
      TYPING_MS,
    );
  };
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        setFilter(query, "q", text.trim());
      }}
    >
      <label class="search">
        <Search />
        <input
          id="incident-search"
          class="input"
          type="search"
          placeholder="Search"
          aria-label="Search incidents"
          maxLength={200}
          value={text}
          onInput={(e) => type(e.currentTarget.value)}
        />
        <kbd class="desk-only">/</kbd>
      </label>
      <select
        class="input select"
        aria-label="Camera"
        value={camera}
        onChange={(e) => setFilter(query, "camera", e.currentTarget.value)}
      >
        <option value="">All cameras</option>
        {names.map((n) => (
          <option key={n} value={n}>
            {n}
          </option>
        ))}
      </select>
      <select
        class="input select"
        aria-label="Severity"
        value={query.get("severity") ?? ""}
        onChange={(e) => setFilter(query, "severity", e.currentTarget.value)}
      >
        <option value="">Any severity</option>
        {[...severity_words].reverse().map((s) => (
          <option key={s} value={s}>
            {severityText[s]}
          </option>
        ))}
      </select>
    </form>
  );
}

/** What a link from elsewhere narrowed the list to: said, and taken off with a tap. */
function Narrowed({ query }: { query: URLSearchParams }) {
  const now = Date.now();
  const said: [string[], string][] = [];
  const since = query.get("since");
  const until = query.get("until");
  const time = (at: string) => (Number.isNaN(Date.parse(at)) ? at : short(at, now));
  if (since || until)
    said.push([
      ["since", "until"],
      since && until
        ? `${time(since)} to ${time(until)}`
        : since
          ? `from ${time(since)}`
          : `until ${time(until!)}`,
    ]);
  const verdict = query.get("verdict");
  if (verdict) said.push([["verdict"], verdictText[verdict as Verdict] ?? verdict]);
  for (const key of ["device", "rule"] as const) {
    const value = query.get(key);
    if (value) said.push([[key], value]);
  }
  if (!said.length) return null;
  return (
    <ul class="narrowed">
      {said.map(([keys, text]) => {
        const q = new URLSearchParams(query);
        for (const key of keys) q.delete(key);
        return (
          <li key={keys[0]}>
            <a class="chip chip-off" href={withQuery("/incidents", q)} data-replace="">
              <bdi>{text}</bdi>
              <Close />
              <span class="unseen">take off</span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function NothingHere({
  query,
  counts,
}: {
  query: URLSearchParams;
  counts: IncidentPage["counts"] | undefined;
}) {
  const filtered = filterKeys.some((k) => query.get(k));
  const total = counts ? counts.open + counts.acknowledged + counts.resolved : 0;
  if (filtered) {
    return (
      <Empty title="Nothing matches">
        <p>No incident fits these filters.</p>
        <a
          class="button"
          href={withQuery(
            "/incidents",
            new URLSearchParams(query.get("state") ? { state: query.get("state")! } : {}),
          )}
        >
          Clear the filters
        </a>
      </Empty>
    );
  }
  if (query.get("state") === "mine") {
    return (
      <Empty title="Nothing on your hands" art={<Mark size={40} />}>
        <p>What you acknowledge stays here until it is resolved.</p>
        <a class="button" href="/incidents">
          Show the open ones
        </a>
      </Empty>
    );
  }
  if (total > 0) {
    return (
      <Empty
        title={query.get("state") && query.get("state") !== "open" ? "None here" : "All quiet"}
        art={<Mark size={40} />}
      >
        <p>
          {many(counts?.resolved ?? 0, "incident")} resolved, {counts?.acknowledged ?? 0} being
          looked after. New ones appear here by themselves.
        </p>
        <a class="button" href="/incidents?state=all">
          Show all
        </a>
      </Empty>
    );
  }
  return (
    <Empty title="No incident yet" art={<Mark size={40} />}>
      <p>
        An incident opens when a camera's rule finds something: a person in a marked zone, for one.
        It appears here by itself.
      </p>
      <p>
        <a href="/cameras">See what the cameras see</a>
      </p>
    </Empty>
  );
}

function Rows({
  rows,
  chosen,
  query,
  more,
  hasMore,
}: {
  rows: readonly Incident[];
  chosen: string | undefined;
  query: URLSearchParams;
  more: () => void;
  hasMore: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 900, row: 92 });
  const before = useRef<string[]>([]);
  const measure = () => {
    const el = box.current;
    if (!el) return;
    const row = el.querySelector<HTMLElement>(".row")?.offsetHeight ?? 92;
    setView({ top: el.scrollTop, height: el.clientHeight, row });
  };
  useLayoutEffect(() => {
    const seen = new ResizeObserver(measure);
    if (box.current) seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  const ids = rows.map((r) => r.id);
  useLayoutEffect(() => {
    const el = box.current;
    if (el) {
      const top = keptTop(before.current, ids, view.row, el.scrollTop);
      if (top !== el.scrollTop) el.scrollTop = top;
    }
    before.current = ids;
  }, [ids.join()]);
  useLayoutEffect(
    () => bringIntoView(box.current, ids.indexOf(chosen ?? ""), view.row),
    [chosen, view.row],
  );
  const win = windowOf(rows.length, view.row, view.top, view.height);
  useEffect(() => {
    if (hasMore && win.end >= rows.length - 8) more();
  }, [win.end, rows.length, hasMore]);
  return (
    <div class="rows" ref={box} onScroll={measure}>
      <ul
        class="rows-all"
        ref={(el) => el?.style.setProperty("height", `${rows.length * view.row}px`)}
        aria-label={`${rows.length} incidents`}
      >
        {rows.slice(win.first, win.end).map((one, n) => (
          <Row
            key={one.id}
            one={one}
            at={win.first + n}
            of={rows.length}
            rowPx={view.row}
            chosen={one.id === chosen}
            query={query}
          />
        ))}
      </ul>
      {hasMore && (
        <p class="rows-more quiet" role="status">
          Loading more…
        </p>
      )}
    </div>
  );
}

function bringIntoView(el: HTMLElement | null, at: number, rowPx: number): void {
  if (!el || at < 0) return;
  const top = at * rowPx;
  if (top < el.scrollTop) el.scrollTop = top;
  else if (top + rowPx > el.scrollTop + el.clientHeight)
    el.scrollTop = top + rowPx - el.clientHeight;
}

function Row({
  one,
  at,
  of,
  rowPx,
  chosen,
  query,
}: {
  one: Incident;
  at: number;
  of: number;
  rowPx: number;
  chosen: boolean;
  query: URLSearchParams;
}) {
  return (
    <li
      class="row"
      aria-setsize={of}
      aria-posinset={at + 1}
      ref={(el) => el?.style.setProperty("transform", `translateY(${at * rowPx}px)`)}
    >
      <a
        href={withQuery(`/incidents/${one.id}`, query)}
        class={`row-link state-${one.state}`}
        aria-current={chosen ? "true" : undefined}
      >
        <Thumb key={one.snapshot} digest={one.snapshot} boxes={one.boxes} severity={one.severity} />
        <span class="row-text">
          <span class="row-top">
            <SeverityMark of={one.severity} />
            <span class="row-title" dir="auto" title={one.title}>
              {one.title}
            </span>
            <Ago at={one.started_at} />
          </span>
          <span class="row-where">
            <bdi>{one.camera}</bdi>
            {one.event_count > 1 && <span class="num"> · {one.event_count} events</span>}
          </span>
          <span class="row-state">
            <RowState one={one} />
          </span>
        </span>
      </a>
    </li>
  );
}

function RowState({ one }: { one: Incident }) {
  const { user } = useApp();
  if (one.state === "resolved") {
    return (
      <>
        <span class={`verdict verdict-${one.verdict ?? "none"}`}>
          {one.verdict ? verdictText[one.verdict] : "Resolved"}
        </span>
        {one.resolved_by && <bdi class="quiet">{one.resolved_by}</bdi>}
      </>
    );
  }
  if (one.state === "acknowledged") {
    if (one.acknowledged_by === user?.name) return <span class="who-on-it">You are on it</span>;
    return (
      <span class="who-on-it">
        <bdi>{one.acknowledged_by ?? "somebody"}</bdi> is on it
      </span>
    );
  }
  /* About nobody, or about a number: there is no score. No boxes yet: there may be one. */
  const score = one.score !== undefined && (!one.boxes?.length || hasOwn(one.boxes)) && (
    <span class="quiet num">score {percent(one.score)}</span>
  );
  return (
    <>
      {one.ongoing ? <span class="ongoing">going on</span> : <span>open</span>}
      {score}
    </>
  );
}
