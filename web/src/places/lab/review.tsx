// Review: a second person looks at what one said, and agrees or says why not.
import { useEffect, useRef, useState } from "preact/hooks";
import type { PoolPage, PoolPicture } from "../../contract.gen";
import { Failure } from "../../api/client";
import { Asked, Empty, FailureBox, Skeleton, useSending } from "../../pieces/basics";
import { Check } from "../../pieces/icons";
import { keysOf } from "../../pieces/keys";
import { useAsk } from "../../state/ask";
import { notice, useApp } from "../../state/app";
import type { Route } from "../../state/route";
import { draftOf } from "../../logic/label";
import { many } from "../../logic/words";
import { verdictText } from "../../logic/labelwords";
import { Board, type BoardCommands } from "./board";
import { lab } from "./hub";
import { poolQuestion } from "./pool";
import { About } from "./side";

export function ReviewPlace({ route }: { route: Route }) {
  const question = poolQuestion(route.query);
  question.set("label", "labelled");
  question.set("limit", "200");
  const view = useAsk<PoolPage>(`pool/review?${question}`, () => lab.pool(question), []);
  return (
    <Asked view={view} what="What is to review" waiting={<Skeleton lines={3} tall />}>
      {(page) => <Queue pictures={page.pictures} />}
    </Asked>
  );
}

function Queue({ pictures }: { pictures: readonly PoolPicture[] }) {
  const { user } = useApp();
  const [list] = useState(() => pictures.filter((p) => p.label && p.label.by !== user?.name));
  const [at, setAt] = useState(0);
  const [done, setDone] = useState(0);
  const one = list[at];
  if (!one) {
    const own = pictures.length - list.length;
    return (
      <Empty
        title={done ? `${many(done, "picture")} reviewed` : "Nothing to review"}
        art={<Check />}
      >
        <p>
          {own > 0
            ? `${many(own, "labelled picture")} are your own: a second person reviews them.`
            : "Labelled pictures come here until a second person agrees."}
        </p>
        <a class="button" href="/lab/label">
          Label
        </a>
      </Empty>
    );
  }
  return (
    <One
      key={one.picture}
      one={one}
      left={list.length - at}
      move={(by) => setAt(Math.max(0, at + by))}
      said={() => {
        setDone(done + 1);
        setAt(at + 1);
      }}
      back={() => {
        setDone(Math.max(0, done - 1));
        setAt(at);
      }}
    />
  );
}

function One({
  one,
  left,
  move,
  said,
  back,
}: {
  one: PoolPicture;
  left: number;
  move: (by: 1 | -1) => void;
  said: () => void;
  back: () => void;
}) {
  const { user } = useApp();
  const may = user?.role !== "viewer";
  const [draft] = useState(() => draftOf(one));
  const [shown, setShown] = useState(true);
  const [asking, ask] = useState(false);
  const [note, setNote] = useState("");
  const { busy, failure, send } = useSending();
  const commands = useRef<BoardCommands>();
  const say = (agree: boolean) =>
    send(async () => {
      if (!may) return;
      const text = note.trim();
      const now = await lab.review(one.picture, {
        version: one.version,
        agree,
        ...(text ? { note: text } : {}),
      });
      notice(agree ? "Agreed" : "Sent back to be labelled again", {
        undo: () => void takeBack(now, back),
      });
      said();
    });
  const latest = useRef({ say, move });
  latest.current = { say, move };
  useEffect(
    () =>
      keysOf({
        Enter: () => latest.current.say(true),
        a: () => latest.current.say(true),
        d: () => may && ask(true),
        j: () => latest.current.move(1),
        k: () => latest.current.move(-1),
        h: () => setShown((s) => !s),
        "+": () => commands.current?.zoom("in"),
        "-": () => commands.current?.zoom("out"),
        "0": () => commands.current?.zoom("fit"),
        Escape: () => ask(false),
      }),
    [],
  );
  return (
    <div class="label-place">
      <Board
        one={one}
        draft={draft}
        chosen={undefined}
        boxesShown={shown}
        may={false}
        drawClass=""
        commands={commands}
        choose={() => undefined}
        accept={() => undefined}
        draw={() => undefined}
        change={() => undefined}
      />
      <aside class="label-side" aria-label="Review">
        <p class="label-count" role="status">
          <strong class="num">{left}</strong> to review
        </p>
        <p>
          <bdi>{one.label?.by}</bdi> says{" "}
          <strong>
            {one.label?.verdict === "objects"
              ? [many(draft.boxes.length, "box", "boxes"), draft.class].filter(Boolean).join(", ")
              : one.label && verdictText[one.label.verdict].toLowerCase()}
          </strong>
          .
        </p>
        {failure && <FailureBox failure={failure} />}
        {may &&
          (asking ? (
            <form
              class="review-note"
              onSubmit={(e) => {
                e.preventDefault();
                say(false);
              }}
            >
              <label class="field">
                What is wrong with it?
                <textarea
                  class="input"
                  maxLength={4000}
                  value={note}
                  ref={(el) => el?.focus()}
                  onInput={(e) => setNote(e.currentTarget.value)}
                  onKeyDown={(e) => {
                    if (e.key === "Enter" && !e.shiftKey) {
                      e.preventDefault();
                      say(false);
                    }
                  }}
                />
              </label>
              <div class="dialog-foot">
                <button type="button" class="button" onClick={() => ask(false)}>
                  Cancel
                </button>
                <button type="submit" class="button primary" disabled={busy}>
                  Disagree
                </button>
              </div>
            </form>
          ) : (
            <div class="label-acts">
              <button
                type="button"
                class="button primary label-enter"
                disabled={busy}
                onClick={() => say(true)}
              >
                Agree<kbd class="desk-only">a</kbd>
              </button>
              <button type="button" class="button" disabled={busy} onClick={() => ask(true)}>
                Disagree<kbd class="desk-only">d</kbd>
              </button>
              <button type="button" class="button" onClick={() => move(1)}>
                Next<kbd class="desk-only">j</kbd>
              </button>
            </div>
          ))}
        <About held={{ picture: one }} />
      </aside>
    </div>
  );
}

async function takeBack(now: PoolPicture, back: () => void): Promise<void> {
  try {
    await lab.unsay(now.picture, { version: now.version });
    back();
    notice("Taken back");
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    notice(`Not taken back: ${error.body.fact}`, { tone: "bad" });
  }
}
