// Pool: every picture that may teach, with what the model proposes drawn over it.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { PoolClassPage, PoolPage, PoolPicture } from "../../contract.gen";
import { pool_reason_words, pool_source_words } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton } from "../../pieces/basics";
import { Lab as LabIcon } from "../../pieces/icons";
import { amend, peek, useAsk } from "../../state/ask";
import { useApp } from "../../state/app";
import { go, withQuery, type Route } from "../../state/route";
import { windowOf } from "../../logic/window";
import { many } from "../../logic/words";
import { labelText, reasonText, sourceText, verdictText } from "../../logic/labelwords";
import { askWidth } from "../../logic/crop";
import { BringIn } from "./bring";
import { LabHead } from "./head";
import { blobUrl, lab } from "./hub";
import { Marks } from "./marks";

const PAGE = 60;
const PAGE_MAX = 200;
const filters = ["source", "device", "camera", "class", "reason", "since", "until"] as const;

/** The address's words are the API's; without a label state every picture is shown. */
export function poolQuestion(query: URLSearchParams): URLSearchParams {
  const ask = new URLSearchParams();
  for (const key of ["label", ...filters, "order"]) {
    const value = query.get(key);
    if (value) ask.set(key, value);
  }
  return ask;
}

/** Asks as many as are shown already, so that a refresh loses nothing that was scrolled to. */
async function loadPool(key: string, question: URLSearchParams): Promise<PoolPage> {
  const wanted = Math.max(PAGE, peek<PoolPage>(key)?.pictures.length ?? 0);
  let whole: PoolPage | undefined;
  do {
    const ask = new URLSearchParams(question);
    ask.set("limit", String(Math.min(PAGE_MAX, wanted - (whole?.pictures.length ?? 0))));
    if (whole?.next) ask.set("cursor", whole.next);
    const page = await lab.pool(ask);
    whole = { ...page, pictures: [...(whole?.pictures ?? []), ...page.pictures] };
  } while (whole.next && whole.pictures.length < wanted);
  return whole;
}

const asking = new Set<string>();
async function loadMore(key: string, question: URLSearchParams): Promise<void> {
  const shown = peek<PoolPage>(key);
  if (!shown?.next || asking.has(key)) return;
  asking.add(key);
  try {
    const ask = new URLSearchParams(question);
    ask.set("limit", String(PAGE));
    ask.set("cursor", shown.next);
    const page = await lab.pool(ask);
    amend<PoolPage>(key, (now) => {
      const known = new Set(now.pictures.map((p) => p.picture));
      const more = page.pictures.filter((p) => !known.has(p.picture));
      return { ...page, pictures: [...now.pictures, ...more] };
    });
  } catch {
    // The next scroll asks again; the line's own state says that the hub is away.
  } finally {
    asking.delete(key);
  }
}

export function PoolPlace({ route }: { route: Route }) {
  const { user } = useApp();
  const question = poolQuestion(route.query);
  const key = `pool?${question}`;
  const view = useAsk<PoolPage>(key, () => loadPool(key, question), ["pool"]);
  const may = user?.role !== "viewer";
  return (
    <BringIn may={may}>
      {(buttons) => (
        <>
          <LabHead at="pool">{buttons}</LabHead>
          <PoolHead page={view.data} query={route.query} />
          <Asked view={view} what="The pool" waiting={<Skeleton lines={4} tall />}>
            {(page) =>
              page.pictures.length ? (
                <Grid
                  key={key}
                  page={page}
                  query={route.query}
                  more={() => void loadMore(key, question)}
                />
              ) : (
                <NoPictures page={page} query={route.query} />
              )
            }
          </Asked>
        </>
      )}
    </BringIn>
  );
}

function with_(query: URLSearchParams, name: string, value: string): string {
  const q = new URLSearchParams(query);
  if (value) q.set(name, value);
  else q.delete(name);
  return withQuery("/lab/pool", q);
}

function PoolHead({ page, query }: { page: PoolPage | undefined; query: URLSearchParams }) {
  const label = query.get("label") ?? "";
  const n = page?.counts;
  const tabs = [
    { label: "", title: "All", count: n && n.none + n.proposed + n.labelled + n.reviewed },
    { label: "none,proposed", title: "To label", count: n && n.none + n.proposed },
    { label: "labelled", title: labelText.labelled, count: n?.labelled },
    { label: "reviewed", title: labelText.reviewed, count: n?.reviewed },
  ];
  return (
    <div class="pool-head">
      <nav class="tabs" aria-label="Label">
        {tabs.map((t) => (
          <a
            key={t.label}
            class="tab"
            href={with_(query, "label", t.label)}
            aria-current={label === t.label ? "true" : undefined}
          >
            {t.title}
            {t.count !== undefined && <span class="count num">{t.count.toLocaleString("en")}</span>}
          </a>
        ))}
      </nav>
      <PoolFilters page={page} query={query} />
    </div>
  );
}

interface Choice {
  name: string;
  label: string;
  any: string;
  of: readonly { value: string; text: string }[];
}
function PoolFilters({ page, query }: { page: PoolPage | undefined; query: URLSearchParams }) {
  const classes = useAsk<PoolClassPage>("pool/classes", lab.classes, ["pool"]);
  const [open, setOpen] = useState(false);
  const camera = query.get("camera");
  const cameras = new Set(page?.cameras.map((c) => c.camera) ?? []);
  if (camera) cameras.add(camera);
  const used = classes.data?.classes.filter((c) => c.boxes || c.pictures || c.proposals) ?? [];
  const names = new Set(used.map((c) => c.name));
  if (query.get("class")) names.add(query.get("class") ?? "");
  const choices: Choice[] = [
    {
      name: "source",
      label: "Source",
      any: "Any source",
      of: pool_source_words.map((s) => ({ value: s, text: sourceText[s] })),
    },
    {
      name: "camera",
      label: "Camera",
      any: "All cameras",
      of: [...cameras].sort().map((c) => ({ value: c, text: c })),
    },
    {
      name: "class",
      label: "Class",
      any: "Any class",
      of: [...names].map((c) => ({ value: c, text: c })),
    },
    {
      name: "reason",
      label: "Reason",
      any: "Any reason",
      of: pool_reason_words.map((r) => ({ value: r, text: reasonText[r] })),
    },
    {
      name: "order",
      label: "Order",
      any: "Teaches most first",
      of: [{ value: "new", text: "Newest first" }],
    },
  ];
  const set = choices.filter((c) => query.get(c.name)).length;
  return (
    <>
      <button
        type="button"
        class="button phone-only"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        Filter{set ? ` (${set})` : ""}
      </button>
      <form
        class={`pool-filters${open ? " open" : ""}`}
        role="search"
        aria-label="Filter the pool"
        onSubmit={(e) => e.preventDefault()}
      >
        {choices.map((c) => (
          <select
            key={c.name}
            class="input select"
            aria-label={c.label}
            value={query.get(c.name) ?? ""}
            onChange={(e) => go(with_(query, c.name, e.currentTarget.value), { replace: true })}
          >
            <option value="">{c.any}</option>
            {c.of.map((o) => (
              <option key={o.value} value={o.value}>
                {o.text}
              </option>
            ))}
          </select>
        ))}
      </form>
    </>
  );
}

function NoPictures({ page, query }: { page: PoolPage; query: URLSearchParams }) {
  const { counts } = page;
  const total = counts.none + counts.proposed + counts.labelled + counts.reviewed;
  if (total > 0) {
    const toLabel = query.get("label") === "none,proposed";
    return (
      <Empty
        title={toLabel && !filters.some((f) => query.get(f)) ? "All labelled" : "Nothing matches"}
        art={<LabIcon />}
      >
        <p>
          {toLabel
            ? `${many(counts.labelled + counts.reviewed, "picture")} labelled. Freeze them into a dataset, or wait for new ones.`
            : "No picture of the pool fits these filters."}
        </p>
        <a class="button" href={toLabel ? "/lab/datasets/new" : "/lab/pool"}>
          {toLabel ? "Make a dataset" : "Clear the filters"}
        </a>
      </Empty>
    );
  }
  return (
    <Empty title="No pictures yet" art={<LabIcon />}>
      <p>
        Every incident you resolve leaves its pictures here, and devices send samples of what they
        are least sure of. You can also drop pictures of your own on this page.
      </p>
      <pre>
        {
          '# a device samples when its desired properties say so\n"sampling": { "default": { "per_hour": 20 } }'
        }
      </pre>
    </Empty>
  );
}

const CELL_PX = 208;
const GAP_PX = 12;
const TEXT_PX = 46;

/** As many columns as fit; which rows are drawn follows the scroll, so ten thousand cost what fifty do. */
function Grid({ page, query, more }: { page: PoolPage; query: URLSearchParams; more: () => void }) {
  const scroll = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 900, width: 1000 });
  const measure = () => {
    const el = scroll.current;
    if (el) setView({ top: el.scrollTop, height: el.clientHeight, width: el.clientWidth });
  };
  useLayoutEffect(() => {
    const seen = new ResizeObserver(measure);
    if (scroll.current) seen.observe(scroll.current);
    return () => seen.disconnect();
  }, []);
  const side = view.width < 500 ? 14 : 28;
  const inner = view.width - 2 * side;
  const columns = Math.max(2, Math.floor((inner + GAP_PX) / (CELL_PX + GAP_PX)));
  const cell = (inner - GAP_PX * (columns - 1)) / columns;
  const row = Math.round(cell * 0.75) + TEXT_PX + GAP_PX;
  const rows = Math.ceil(page.pictures.length / columns);
  const win = windowOf(rows, row, view.top, view.height);
  useEffect(() => {
    if (page.next && win.end >= rows - 2) more();
  }, [win.end, rows, page.next]);
  const shown = page.pictures.slice(win.first * columns, win.end * columns);
  return (
    <div class="pool-scroll" ref={scroll} onScroll={measure} tabIndex={-1}>
      <ul
        class="pool-grid"
        aria-label={many(page.pictures.length, "picture")}
        style={{ height: `${rows * row}px` }}
      >
        {shown.map((one, n) => {
          const at = win.first * columns + n;
          return (
            <li
              key={one.picture}
              class="pool-cell"
              aria-posinset={at + 1}
              aria-setsize={page.pictures.length}
              style={{
                width: `${cell}px`,
                height: `${row - GAP_PX}px`,
                transform: `translate(${side + (at % columns) * (cell + GAP_PX)}px, ${Math.floor(at / columns) * row}px)`,
              }}
            >
              <Cell one={one} query={query} width={cell} />
            </li>
          );
        })}
      </ul>
      <div class="pool-foot">
        {page.next && (
          <p class="quiet" role="status">
            Loading more…
          </p>
        )}
      </div>
    </div>
  );
}

function Cell({ one, query, width }: { one: PoolPicture; query: URLSearchParams; width: number }) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  return (
    <a class="pool-link" href={withQuery(`/lab/label/${one.picture}`, poolQuestion(query))}>
      <span class="pool-thumb">
        {one.here ? (
          <img
            src={blobUrl(one.picture, askWidth(width, ratio))}
            width={320}
            height={240}
            alt=""
            loading="lazy"
            decoding="async"
          />
        ) : (
          <span class="pool-away">Not arrived yet</span>
        )}
        <Marks one={one} />
        {one.label && one.label.verdict !== "objects" && (
          <span class="pool-said">{verdictText[one.label.verdict]}</span>
        )}
        {one.label?.class && <span class="pool-said">{one.label.class}</span>}
      </span>
      <span class="pool-text">
        <span class="pool-line">
          <i class={`label-sign label-${one.label_state}`} />
          <span class="pool-state">{labelText[one.label_state]}</span>
          <Ago at={one.captured_at} />
        </span>
        <span class="pool-line quiet">
          <bdi class="pool-camera">{one.camera}</bdi>
          <span>{reasonText[one.reason]}</span>
        </span>
      </span>
    </a>
  );
}
