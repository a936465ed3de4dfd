// Label: one picture fills the place, the keyboard does the rest. What is said is saved by itself.
import { useEffect, useRef, useState } from "preact/hooks";
import type { PoolClassPage, PoolPage, PoolPicture, Rect } from "../../contract.gen";
import { Failure } from "../../api/client";
import { Empty, FailureBox } from "../../pieces/basics";
import { Lab as LabIcon } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { notice, useApp } from "../../state/app";
import { go, withQuery, type Route } from "../../state/route";
import {
  acceptAll,
  acceptOne,
  addBox,
  changeBox,
  moved,
  newId,
  inside,
  removeBox,
  sayClass,
  sayVerdict,
  type Draft,
} from "../../logic/label";
import { Sitting, type Held, type LabelHub } from "../../logic/labelsitting";
import { blobUrl, lab, labelConflict } from "./hub";
import { LabHead } from "./head";
import { Board, type BoardCommands } from "./board";
import { KeysOfLabel, labelKeys } from "./labelkeys";
import { Side, type SideActs } from "./side";
import { ReviewPlace } from "./review";
import { poolQuestion } from "./pool";

const hub: LabelHub = {
  say: lab.say,
  unsay: lab.unsay,
  conflictOf: (error) => {
    if (!(error instanceof Failure) || error.status !== 409) return undefined;
    try {
      return labelConflict(error.answer, "");
    } catch {
      return undefined;
    }
  },
};
let sitting = new Sitting(hub);
let sittingOf: string | undefined;
/** A sitting is one person's: who signs in after them begins a new one. */
function sittingFor(name: string | undefined): void {
  if (sittingOf !== undefined && name !== sittingOf) sitting = new Sitting(hub);
  sittingOf = name ?? sittingOf;
}
const SKIP_MAX = 50;

function useSitting(): void {
  const [, redraw] = useState(0);
  useEffect(() => sitting.watch(() => redraw((n) => n + 1)), [sitting]);
}

export function LabelPlace({ route }: { route: Route }) {
  const review = route.query.get("mode") === "review";
  return (
    <>
      <LabHead at="label">
        <a
          class="button small"
          href={withQuery(
            "/lab/label",
            review ? poolQuestion(route.query) : reviewQuery(route.query),
          )}
        >
          {review ? "Stop reviewing" : "Review"}
        </a>
      </LabHead>
      <div class="lab-body">
        {review ? <ReviewPlace route={route} /> : <Labelling route={route} />}
      </div>
    </>
  );
}
function reviewQuery(query: URLSearchParams): URLSearchParams {
  const ask = poolQuestion(query);
  ask.delete("label");
  ask.set("mode", "review");
  return ask;
}

function toPicture(id: string, query: URLSearchParams): string {
  return withQuery(`/lab/label/${id}`, poolQuestion(query));
}

/** The pictures asked for next keep the address's filters; what was left without a word is not offered again. */
function questionOf(query: URLSearchParams, after: string | undefined, skip: readonly string[]) {
  const ask = new URLSearchParams();
  for (const key of ["source", "device", "camera", "class", "reason"]) {
    const value = query.get(key);
    if (value) ask.set(key, value);
  }
  if (after) ask.set("after", after);
  if (skip.length) ask.set("skip", skip.slice(-SKIP_MAX).join(","));
  return ask;
}

type Came = PoolPicture | "none" | Failure | undefined;

/** The picture of the address, and the next one fetched ahead while this one is looked at. */
function usePicture(route: Route) {
  const id = route.rest[1];
  const [came, set] = useState<{ id: string | undefined; what: Came }>({ id, what: undefined });
  const ahead = useRef<{ after: string; next: Promise<PoolPicture | undefined> }>();
  const latest = useRef(route);
  latest.current = route;
  const skip = () => sitting.visited.filter((v) => v !== latest.current.rest[1]);
  const fetchNext = (after: string | undefined): Promise<PoolPicture | undefined> =>
    lab.next(questionOf(latest.current.query, after, after ? [...skip(), after] : skip()));
  const show = (one: PoolPicture | undefined, replace: boolean) => {
    if (!one) {
      set({ id: undefined, what: "none" });
      return go(withQuery("/lab/label", poolQuestion(latest.current.query)), { replace });
    }
    sitting.open(one);
    set({ id: one.picture, what: one });
    go(toPicture(one.picture, latest.current.query), { replace });
  };
  const failed = (error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    set({ id: latest.current.rest[1], what: error });
  };
  useEffect(() => {
    if (!id) {
      if (came.what === "none" && came.id === undefined) return;
      set({ id, what: undefined });
      fetchNext(undefined).then((one) => show(one, true), failed);
      return;
    }
    const held = sitting.get(id);
    if (held) set({ id, what: held.picture });
    else
      lab.picture(id).then((one) => {
        sitting.open(one);
        if (latest.current.rest[1] === id) set({ id, what: one });
      }, failed);
  }, [id]);
  useEffect(() => {
    if (!id || came.id !== id || typeof came.what !== "object" || came.what instanceof Failure)
      return;
    sitting.look(id, performance.now());
    const next = fetchNext(id).then((one) => {
      if (one) new Image().src = blobUrl(one.picture, one.width > 2560 ? 2560 : undefined);
      return one;
    });
    next.catch(() => undefined);
    ahead.current = { after: id, next };
  }, [id, came.id, came.what === undefined]);
  const onward = async () => {
    const at = id ? sitting.visited.indexOf(id) : -1;
    const known = sitting.visited[at + 1];
    if (at >= 0 && known) return go(toPicture(known, route.query));
    try {
      const one = ahead.current?.after === id ? await ahead.current?.next : await fetchNext(id);
      if (latest.current.rest[1] === id) show(one, false);
    } catch (error) {
      failed(error);
    }
  };
  const back = () => {
    const known = sitting.visited[(id ? sitting.visited.indexOf(id) : sitting.visited.length) - 1];
    if (known) go(toPicture(known, route.query));
  };
  const again = () => {
    set({ id, what: undefined });
    if (id) lab.picture(id).then((one) => (sitting.open(one), set({ id, what: one })), failed);
    else fetchNext(undefined).then((one) => show(one, true), failed);
  };
  return { id, came: came.id === id ? came.what : undefined, onward, back, again };
}

function Labelling({ route }: { route: Route }) {
  const { user } = useApp();
  sittingFor(user?.name);
  useSitting();
  const { id, came, onward, back, again } = usePicture(route);
  const counts = useAsk<PoolPage>(
    "pool/counts",
    () => lab.pool(new URLSearchParams({ limit: "1" })),
    ["pool"],
  );
  useUnsavedGuard();
  const held = id ? sitting.get(id) : undefined;
  if (came instanceof Failure) return <FailureBox failure={came} retry={again} />;
  if (came === "none") return <AllDone counts={counts.data?.counts} query={route.query} />;
  if (!held || !came)
    return (
      <div class="label-place" aria-busy="true" aria-label="Loading the picture">
        <div class="board" />
        <div class="label-side" />
      </div>
    );
  const left = counts.data && counts.data.counts.none + counts.data.counts.proposed;
  return (
    <Work
      held={held}
      may={user?.role !== "viewer"}
      left={left}
      onward={() => void onward()}
      back={back}
      show={(to) => go(toPicture(to, route.query))}
    />
  );
}

function AllDone({
  counts,
  query,
}: {
  counts: PoolPage["counts"] | undefined;
  query: URLSearchParams;
}) {
  const filtered = poolQuestion(query).toString() !== "";
  const any = counts && counts.labelled + counts.reviewed > 0;
  return (
    <Empty
      title={filtered ? "Nothing left here" : any ? "All labelled" : "Nothing to label yet"}
      art={<LabIcon />}
    >
      <p>
        {filtered
          ? "Every picture that fits these filters has its label."
          : any
            ? "New pictures come from resolved incidents and from samples of the devices."
            : "Resolve incidents, let devices send samples, or add pictures of your own to the pool."}
      </p>
      <div class="empty-actions">
        {sitting.visited.length > 0 && (
          <a class="button" href={toPicture(sitting.visited.at(-1) ?? "", query)}>
            Back to the last picture
          </a>
        )}
        {filtered && (
          <a class="button primary" href="/lab/label">
            Label the others
          </a>
        )}
        {any ? (
          <>
            <a class="button" href="/lab/label?mode=review">
              Review
            </a>
            <a class="button" href="/lab/datasets/new">
              Make a dataset
            </a>
          </>
        ) : (
          <a class="button" href="/lab/pool">
            To the pool
          </a>
        )}
      </div>
    </Empty>
  );
}

function useUnsavedGuard(): void {
  useEffect(() => {
    const leave = (e: BeforeUnloadEvent) => {
      if (sitting.unsaved) e.preventDefault();
    };
    window.addEventListener("beforeunload", leave);
    return () => window.removeEventListener("beforeunload", leave);
  }, []);
}

/** The classes in an order that stays for the sitting: a number must not change its meaning under a finger. */
let order: string[] = [];
function useClasses(draft: Draft): string[] {
  const view = useAsk<PoolClassPage>("pool/classes", lab.classes, ["pool"]);
  const known = view.data?.classes ?? [];
  if (known.length) {
    const use = (c: (typeof known)[number]) => c.boxes + c.pictures + c.proposals;
    const fresh = known.filter((c) => !order.includes(c.name));
    fresh.sort((a, b) => use(b) - use(a));
    order = [...order, ...fresh.map((c) => c.name)];
  }
  const here = [...draft.open, ...draft.boxes].map((b) => b.class);
  return [...order, ...here.filter((c, n) => !order.includes(c) && here.indexOf(c) === n)];
}
let drawWith = "";
/** How large the last box of a class was: the next one is likely of that size. */
const sizes = new Map<string, { w: number; h: number }>();
let wholePicture = false;

function Work({
  held,
  may,
  left,
  onward,
  back,
  show,
}: {
  held: Held;
  may: boolean;
  left: number | undefined;
  onward: () => void;
  back: () => void;
  show: (id: string) => void;
}) {
  const id = held.picture.picture;
  const { draft } = held;
  const classes = useClasses(draft);
  const [chosen, choose] = useState<number>();
  const [shown, setShown] = useState(true);
  const [typing, setTyping] = useState(false);
  const [help, setHelp] = useState(false);
  const [, redraw] = useState(0);
  const commands = useRef<BoardCommands>();
  useEffect(() => {
    choose(undefined);
    setTyping(false);
  }, [id]);
  const drawClass = drawWith || classes[0] || "";
  const box = draft.boxes.find((b) => b.id === chosen);
  const change = (after: Draft, mark?: string) => {
    if (!may) return;
    sitting.change(id, after, performance.now(), mark);
    const last = after.boxes.find((b) => b.id === chosen) ?? after.boxes.at(-1);
    if (last) sizes.set(last.class, last.box);
  };
  const leave = () => {
    sitting.spend(id, performance.now());
    void sitting.save(id);
    onward();
  };
  const verdict = (what: "nothing" | "unusable") => {
    if (!may) return;
    change(sayVerdict(sitting.get(id)?.draft ?? draft, what));
    leave();
  };
  const setClass = (name: string) => {
    setTyping(false);
    if (wholePicture) {
      change(sayClass(draft, name));
      leave();
      return;
    }
    drawWith = name;
    if (chosen !== undefined && box) change(changeBox(draft, chosen, { class: name }));
    redraw((n) => n + 1);
  };
  const addClass = async (name: string) => {
    try {
      const all = await lab.addClass(name);
      for (const c of all.classes) if (!order.includes(c.name)) order.push(c.name);
      setClass(name);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      notice(`${error.body.fact} ${error.body.hint ?? ""}`, { tone: "bad" });
    }
  };
  const step = (to: string | undefined, empty: string) => {
    if (!to) return notice(empty);
    choose(undefined);
    if (to !== id) show(to);
  };
  const draw = (rect: Rect) => {
    if (!drawClass) return notice("Name a class first: press c", { tone: "bad" });
    const made = { id: newId(), class: drawClass, box: rect };
    change(addBox(draft, made));
    choose(made.id);
  };
  const acts: SideActs = {
    acceptAll: () => change(acceptAll(draft)),
    acceptAndOn: () => {
      if (!may) return onward();
      if (draft.open.length) change(acceptAll(draft));
      const now = sitting.get(id)?.draft;
      if (now?.verdict) leave();
      else notice("Nothing is said yet: draw a box, or n for nothing here");
    },
    enter: () => {
      if (!may) return onward();
      if (draft.open.length) change(acceptAll(draft));
      else if (draft.verdict) leave();
      else notice("Nothing is said yet: draw a box, or n for nothing here");
    },
    nothing: () => verdict("nothing"),
    unusable: () => verdict("unusable"),
    setClass,
    addClass: (name) => void addClass(name),
    next: leave,
    back: () => {
      void sitting.save(id);
      back();
    },
    undo: () => step(sitting.undo(), "Nothing to take back"),
    redo: () => step(sitting.redo(), "Nothing to do again"),
    remove: () => {
      if (chosen === undefined) return;
      const at = draft.boxes.findIndex((b) => b.id === chosen);
      const after = removeBox(draft, chosen);
      change(after);
      choose(after.boxes[Math.min(at, after.boxes.length - 1)]?.id);
    },
    newBox: () => {
      const rect = commands.current?.boxInSight();
      if (!rect || !may) return;
      const { w, h } = sizes.get(drawClass) ?? rect;
      draw(inside({ l: rect.l + (rect.w - w) / 2, t: rect.t + (rect.h - h) / 2, w, h }));
    },
    walk: (by) => {
      if (!draft.boxes.length) return;
      const at = draft.boxes.findIndex((b) => b.id === chosen);
      const n = draft.boxes.length;
      choose(draft.boxes[at < 0 ? (by > 0 ? 0 : n - 1) : (at + by + n) % n]?.id);
    },
    nudge: (dx, dy, size) => {
      if (!box) return false;
      const px = { x: dx / held.picture.width, y: dy / held.picture.height };
      const to = size
        ? inside({ ...box.box, w: box.box.w + px.x, h: box.box.h + px.y })
        : moved(box.box, px.x, px.y);
      change(changeBox(draft, box.id, { box: to }), `${size ? "size" : "move"}${box.id}`);
      return true;
    },
    choose,
    escape: () => {
      if (typing) setTyping(false);
      else choose(undefined);
    },
    zoom: (by) => commands.current?.zoom(by),
    pan: (on) => commands.current?.pan(on),
    toggleBoxes: () => setShown(!shown),
    typeClass: () => setTyping(true),
    help: () => setHelp(true),
    whole: () => {
      wholePicture = !wholePicture;
      redraw((n) => n + 1);
    },
    retry: () => void sitting.save(id),
    keepMine: () => void sitting.keepMine(id),
    takeTheirs: () => sitting.takeTheirs(id, performance.now()),
    spent: () => sitting.spend(id, performance.now()),
  };
  const latest = useRef({ acts, classes });
  latest.current = { acts, classes };
  useEffect(() => labelKeys(() => latest.current), []);
  return (
    <div class="label-place">
      <Board
        one={held.picture}
        draft={draft}
        chosen={chosen}
        theirs={held.conflict?.picture.label?.boxes}
        boxesShown={shown}
        may={may}
        drawClass={drawClass}
        commands={commands}
        choose={choose}
        accept={(n) => {
          const after = acceptOne(draft, n);
          change(after);
          choose(after.boxes.at(-1)?.id);
        }}
        draw={draw}
        change={(b, rect) => change(changeBox(draft, b, { box: rect }))}
      />
      <Side
        held={held}
        may={may}
        left={left}
        classes={classes}
        drawClass={drawClass}
        chosen={chosen}
        whole={wholePicture}
        typing={typing}
        boxesShown={shown}
        progress={sitting.progress()}
        canUndo={sitting.canUndo}
        canRedo={sitting.canRedo}
        acts={acts}
      />
      {help && <KeysOfLabel close={() => setHelp(false)} />}
    </div>
  );
}
