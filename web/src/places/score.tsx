// Score: a picture of anybody's under any registered model. Nothing is kept; the picture never leaves
// this page but for the hub that looks at it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Model, ModelPage, Score } from "../contract.gen";
import { Failure } from "../api/client";
import { Asked, Empty, FailureBox, Skeleton } from "../pieces/basics";
import { Picture as PictureIcon } from "../pieces/icons";
import { BoxNames, Stage, Vectors } from "../pieces/picture";
import { useAsk } from "../state/ask";
import { go, withQuery, type Route } from "../state/route";
import { many, percent, shortDigest } from "../logic/words";
import { bytesText } from "../logic/opswords";
import { models } from "./models/hub";
import { ModelsHead } from "./models/tabs";

const MAX_BYTES = 32 * 1024 * 1024;
const kinds: Record<string, string> = {
  "image/jpeg": "image/jpeg",
  "image/png": "image/png",
  "image/bmp": "image/bmp",
  "image/x-ms-bmp": "image/bmp",
};

export function ScorePlace({ route }: { route: Route }) {
  const view = useAsk<ModelPage>(
    "registry",
    () => models.list(new URLSearchParams({ limit: "200" })),
    ["model", "device"],
  );
  return (
    <div class="page">
      <ModelsHead at="score" />
      <Asked view={view} what="Models" waiting={<Skeleton lines={3} tall />}>
        {(page) =>
          page.models.length ? (
            <Bench all={page.models} query={route.query} />
          ) : (
            <Empty title="No models yet" art={<PictureIcon />}>
              <p>
                As soon as a model is registered, you can drop a picture here and see what it sees
                in it.
              </p>
              <a class="button" href="/models">
                To the models
              </a>
            </Empty>
          )
        }
      </Asked>
    </div>
  );
}

interface Given {
  file: Blob;
  name: string;
  picture: ImageBitmap;
}
/** Said before anything is sent: what the hub would refuse anyway. */
async function given(file: File): Promise<Given> {
  if (file.size > MAX_BYTES)
    throw new Failure(413, {
      class: "full",
      fact: `This picture is too large: ${file.name} has ${bytesText(file.size)}.`,
      hint: `A picture may have ${bytesText(MAX_BYTES)}. Save it as JPEG, or make it smaller.`,
    });
  const type = kinds[file.type];
  const picture = type ? await createImageBitmap(file).catch(() => undefined) : undefined;
  if (!type || !picture)
    throw new Failure(422, {
      class: "invalid",
      fact: `This is no picture that can be read: ${file.name}.`,
      hint: "It must be a JPEG, PNG or BMP, and whole.",
    });
  return { file: file.slice(0, file.size, type), name: file.name, picture };
}

function useScore(): {
  score: Score | undefined;
  busy: boolean;
  failure: Failure | undefined;
  look: (file: Blob, query: URLSearchParams) => void;
  fail: (failure: Failure | undefined) => void;
} {
  const [state, set] = useState<{ score?: Score; busy: boolean; failure?: Failure }>({
    busy: false,
  });
  const turn = useRef(0);
  const look = (file: Blob, query: URLSearchParams) => {
    const mine = ++turn.current;
    set((s) => ({ ...(s.score ? { score: s.score } : {}), busy: true }));
    models
      .score(query, file)
      .then((score) => turn.current === mine && set({ score, busy: false }))
      .catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        if (turn.current === mine) set({ failure: error, busy: false });
      });
  };
  const fail = (failure: Failure | undefined) => {
    turn.current++;
    set(failure ? { failure, busy: false } : { busy: false });
  };
  return { score: state.score, busy: state.busy, failure: state.failure, look, fail };
}

const titleOf = (m: Model) =>
  `${m.name} v${m.version}${m.state === "champion" ? ", champion" : m.state === "retired" ? ", retired" : ""}`;

function Bench({ all, query }: { all: Model[]; query: URLSearchParams }) {
  const chosen =
    all.find((m) => m.digest === query.get("model")) ??
    all.find((m) => m.state === "champion") ??
    all[0]!;
  const asked = Number(query.get("confidence"));
  const confidence = asked > 0 && asked <= 1 ? asked : chosen.score_min;
  const [mine, setMine] = useState<Given>();
  const [over, setOver] = useState(false);
  const { score, busy, failure, look, fail } = useScore();
  const canvas = useRef<HTMLCanvasElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const change = (name: string, value: string) => {
    const q = new URLSearchParams(query);
    q.set(name, value);
    go(withQuery("/score", q), { replace: true });
  };
  const take = (files: FileList | null | undefined) => {
    const one = files?.[0];
    if (!one) return;
    given(one)
      .then((g) => {
        fail(undefined);
        setMine(g);
      })
      .catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error;
        setMine(undefined);
        fail(error);
      });
  };
  const again = () =>
    mine &&
    look(
      mine.file,
      new URLSearchParams({ model: chosen.digest, confidence: String(confidence) }),
    );
  useEffect(() => {
    again();
  }, [mine, chosen.digest, confidence]);
  useEffect(() => {
    const el = canvas.current;
    if (!mine || !el) return;
    el.width = mine.picture.width;
    el.height = mine.picture.height;
    el.getContext("2d")?.drawImage(mine.picture, 0, 0);
  }, [mine]);
  useEffect(() => {
    const paste = (e: ClipboardEvent) => take(e.clipboardData?.files);
    window.addEventListener("paste", paste);
    return () => window.removeEventListener("paste", paste);
  }, []);
  const stays = failure === undefined || failure.status >= 500 || failure.status === 0;
  return (
    <div
      class="camera-wide score"
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={(e) => {
        if (!e.currentTarget.contains(e.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        take(e.dataTransfer?.files);
      }}
    >
      <div class="detail-main">
        {mine && stays ? (
          <div class={`score-stage${over ? " over" : ""}`}>
            <Stage of={mine.picture}>
              <canvas ref={canvas} role="img" aria-label={mine.name} />
              {score && !busy && (
                <>
                  <Vectors boxes={score.boxes} severity="low" />
                  <BoxNames boxes={score.boxes} />
                </>
              )}
              {busy && <span class="picture-age">looking…</span>}
            </Stage>
          </div>
        ) : (
          <button
            type="button"
            class={`drop${over ? " over" : ""}`}
            onClick={() => file.current?.click()}
          >
            <PictureIcon />
            <strong>Drop a picture here, paste one, or choose one</strong>
            <span class="quiet small">
              JPEG, PNG or BMP, up to {bytesText(MAX_BYTES)}. Nothing is kept.
            </span>
          </button>
        )}
        <input
          ref={file}
          class="unseen"
          type="file"
          accept="image/jpeg,image/png,image/bmp"
          aria-label="Picture"
          tabIndex={-1}
          onChange={(e) => {
            take(e.currentTarget.files);
            e.currentTarget.value = "";
          }}
        />
        {failure && (
          <FailureBox
            failure={failure}
            title={failure.status === 503 ? "The models are busy." : ""}
            retry={mine && stays ? again : undefined}
          />
        )}
      </div>
      <div class="detail-aside">
        <section class="card score-ask" aria-label="What to look with">
          <label class="field">
            <span>Model</span>
            <select
              class="input select"
              value={chosen.digest}
              onChange={(e) => change("model", e.currentTarget.value)}
            >
              {all.map((m) => (
                <option key={m.digest} value={m.digest}>
                  {titleOf(m)}
                </option>
              ))}
            </select>
          </label>
          <Threshold
            value={confidence}
            own={chosen.score_min}
            set={(v) => change("confidence", v)}
          />
          {mine && (
            <button type="button" class="button" onClick={() => file.current?.click()}>
              Another picture
            </button>
          )}
        </section>
        {score && mine && !failure && <Seen score={score} />}
      </div>
    </div>
  );
}

function Threshold({
  value,
  own,
  set,
}: {
  value: number;
  own: number;
  set: (v: string) => void;
}) {
  const [moving, setMoving] = useState<number>();
  const shown = moving ?? value;
  return (
    <label class="field">
      <span>
        Threshold <span class="num">{percent(shown)}</span>{" "}
        <span class="quiet">its own: {percent(own)}</span>
      </span>
      <input
        class="range"
        type="range"
        min="0.01"
        max="0.99"
        step="0.01"
        value={shown}
        onInput={(e) => setMoving(Number(e.currentTarget.value))}
        onChange={(e) => {
          setMoving(undefined);
          set(e.currentTarget.value);
        }}
      />
    </label>
  );
}

function Seen({ score }: { score: Score }) {
  return (
    <section class="card" aria-label="What it sees" aria-live="polite">
      <h2>
        {score.boxes.length ? many(score.boxes.length, "thing") : "Nothing"} seen
      </h2>
      {score.boxes.length === 0 && (
        <p class="quiet">Nothing scores {percent(score.confidence ?? 0)} or more.</p>
      )}
      <ol class="seen">
        {score.boxes.slice(0, 50).map((b, n) => (
          <li key={n}>
            <bdi>{b.class}</bdi>
            <span class="num">{percent(b.score)}</span>
          </li>
        ))}
      </ol>
      <dl class="facts small">
        <dt>Model</dt>
        <dd>
          <a href={`/models/${score.model.digest}`}>
            <bdi>{score.model.name}</bdi>
          </a>
        </dd>
        <dt>Digest</dt>
        <dd class="mono" title={score.model.digest}>
          {shortDigest(score.model.digest)}
        </dd>
        <dt>Picture</dt>
        <dd class="num">
          {score.width} × {score.height}
        </dd>
        <dt>Took</dt>
        <dd class="num">{(score.run_us / 1000).toFixed(0)} ms</dd>
      </dl>
    </section>
  );
}
