// Bringing pictures in: dropped on the page or chosen; single ones, or a COCO or YOLO folder with its labels.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Imported } from "../../contract.gen";
import { Failure } from "../../api/client";
import { Dialog, FailureBox, useSending } from "../../pieces/basics";
import { Plus } from "../../pieces/icons";
import { notice } from "../../state/app";
import { refresh } from "../../state/ask";
import { many } from "../../logic/words";
import { lab } from "./hub";

const isSet = (file: File): boolean => /\.(zip|tar)$/i.test(file.name);

interface Refusal {
  name: string;
  why: string;
}

export function BringIn({
  may,
  children,
}: {
  may: boolean;
  children: (buttons: ComponentChildren) => ComponentChildren;
}) {
  const [over, setOver] = useState(false);
  const [sent, setSent] = useState<{ done: number; of: number }>();
  const [refused, setRefused] = useState<Refusal[]>([]);
  const [set, chooseSet] = useState<{ file: File | undefined }>();
  const picker = useRef<HTMLInputElement>(null);
  const take = async (files: readonly File[]) => {
    const archive = files.find(isSet);
    if (archive) return chooseSet({ file: archive });
    setRefused([]);
    const told: Refusal[] = [];
    let added = 0;
    for (const [n, file] of files.entries()) {
      setSent({ done: n, of: files.length });
      const why = await upload(file);
      if (why) told.push({ name: file.name, why });
      else added++;
    }
    setSent(undefined);
    setRefused(told);
    refresh("pool");
    if (added) notice(`${many(added, "picture")} in the pool`);
  };
  const buttons = may ? (
    <>
      <button type="button" class="button" onClick={() => picker.current?.click()}>
        <Plus />
        Add pictures
      </button>
      <button type="button" class="button desk-only" onClick={() => chooseSet({ file: undefined })}>
        Import COCO or YOLO
      </button>
    </>
  ) : null;
  return (
    <div
      class={`bring${over ? " over" : ""}`}
      onDragOver={(e) => {
        if (!may || !e.dataTransfer?.types.includes("Files")) return;
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={(e) => {
        if (!e.currentTarget.contains(e.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(e) => {
        if (!may) return;
        e.preventDefault();
        setOver(false);
        void take([...(e.dataTransfer?.files ?? [])]);
      }}
    >
      <input
        ref={picker}
        class="unseen"
        type="file"
        accept="image/jpeg,image/png,.zip,.tar"
        multiple
        tabIndex={-1}
        aria-label="Pictures to add"
        onChange={(e) => {
          const files = [...(e.currentTarget.files ?? [])];
          e.currentTarget.value = "";
          void take(files);
        }}
      />
      {over && (
        <div class="bring-here" aria-hidden="true">
          <p>Drop pictures, or a COCO or YOLO folder as zip or tar</p>
        </div>
      )}
      {sent && (
        <div class="strip bring-strip" role="status">
          <span class="num">
            Sending {sent.done + 1} of {sent.of}
          </span>
          <progress value={sent.done} max={sent.of} />
        </div>
      )}
      {refused.length > 0 && (
        <div class="failure bring-refused" role="alert">
          <p class="failure-fact">{many(refused.length, "picture")} not taken.</p>
          <Refusals of={refused} />
          <button type="button" class="button small" onClick={() => setRefused([])}>
            Close
          </button>
        </div>
      )}
      {children(buttons)}
      {set && <ImportDialog file={set.file} close={() => chooseSet(undefined)} />}
    </div>
  );
}

async function upload(file: File): Promise<string> {
  try {
    /* When it was taken is not told: a file's date is that of its last copy, and a wrong time would put
       strangers into one block. */
    await lab.upload(file, new URLSearchParams());
    return "";
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [error.body.fact, error.body.detail].filter(Boolean).join(" ");
  }
}

function Refusals({ of }: { of: readonly Refusal[] }) {
  return (
    <ul class="refusals">
      {of.slice(0, 12).map((r) => (
        <li key={r.name}>
          <bdi>{r.name}</bdi>: {r.why}
        </li>
      ))}
      {of.length > 12 && <li class="quiet">and {of.length - 12} more</li>}
    </ul>
  );
}

function ImportDialog({ file: first, close }: { file: File | undefined; close: () => void }) {
  const [file, setFile] = useState(first);
  const [format, setFormat] = useState<"coco" | "yolo">("coco");
  const [camera, setCamera] = useState("");
  const [done, setDone] = useState<Imported>();
  const { busy, failure, send } = useSending();
  const start = () =>
    send(async () => {
      if (!file) return;
      const query = new URLSearchParams({ format });
      if (camera.trim()) query.set("camera", camera.trim());
      const type = /\.tar$/i.test(file.name) ? "application/x-tar" : "application/zip";
      setDone(await lab.importSet(new Blob([file], { type }), query));
      refresh("pool");
    });
  if (done) return <ImportDone done={done} close={close} />;
  return (
    <Dialog title="Import a labelled folder" close={close}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          start();
        }}
      >
        <fieldset class="choices">
          <legend class="unseen">Format</legend>
          {(["coco", "yolo"] as const).map((f) => (
            <label key={f} class="choice">
              <input
                type="radio"
                name="format"
                checked={format === f}
                onChange={() => setFormat(f)}
              />
              <span>
                <strong>{f.toUpperCase()}</strong>{" "}
                <span class="quiet">
                  {f === "coco"
                    ? "pictures and one JSON file"
                    : "pictures and a text file for each"}
                </span>
              </span>
            </label>
          ))}
        </fieldset>
        <label class="field">
          Folder, as zip or tar
          <input
            class="input"
            type="file"
            accept=".zip,.tar"
            required={!file}
            onChange={(e) => setFile(e.currentTarget.files?.[0])}
          />
          {first && file === first && <span class="quiet">{first.name}</span>}
        </label>
        <label class="field">
          Camera, for pictures that name none
          <input
            class="input"
            maxLength={64}
            placeholder="import"
            value={camera}
            onInput={(e) => setCamera(e.currentTarget.value)}
          />
        </label>
        <p class="quiet small">
          Everything is checked first. A label that a person of this hub gave stays.
        </p>
        {failure && <FailureBox failure={failure} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy || !file}>
            {busy ? "Importing…" : "Import"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function ImportDone({ done, close }: { done: Imported; close: () => void }) {
  const refused = done.refused_count ?? done.refused.length;
  return (
    <Dialog title="Imported" close={close}>
      <dl class="facts">
        <dt>New</dt>
        <dd class="num">{many(done.added, "picture")}</dd>
        <dt>Known</dt>
        <dd class="num">{many(done.known, "picture")}</dd>
        <dt>Labels</dt>
        <dd class="num">
          {many(done.labels, "picture")}, {many(done.boxes, "box", "boxes")}
        </dd>
        {done.classes_added.length > 0 && (
          <>
            <dt>New classes</dt>
            <dd>{done.classes_added.join(", ")}</dd>
          </>
        )}
      </dl>
      {refused > 0 && (
        <div class="failure">
          <p class="failure-fact">{many(refused, "picture")} not taken.</p>
          <Refusals of={done.refused} />
        </div>
      )}
      <div class="dialog-foot">
        <button type="button" class="button primary" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
