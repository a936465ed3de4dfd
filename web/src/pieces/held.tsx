// Evidence that its device holds: said where the evidence would be, with the way to get it.
import type { Evidence } from "../contract.gen";
import { useApp, useNow } from "../state/app";
import { askFor, askingOf, useAsking, type Asking } from "../state/held";
import { bytesText } from "../logic/opswords";
import { isHeld } from "../logic/recordwords";
import { Ago } from "./basics";
import { Stage } from "./picture";

const nameOf = { snapshot: "picture", clip: "clip" } as const;
const LONG_MS = 60_000;

export function HeldStage({
  file,
  device,
  all,
}: {
  file: Evidence;
  device: string;
  all: readonly Evidence[];
}) {
  useAsking();
  const { user } = useApp();
  const asking = askingOf(file.digest);
  const mayAsk = user?.role !== "viewer";
  return (
    <Stage of={file}>
      <div class="stage-none held" aria-live="polite">
        <Said file={file} device={device} asking={asking} />
        {mayAsk ? (
          <AskButtons file={file} all={all.filter(isHeld)} asking={asking} />
        ) : (
          !asking && <p class="quiet">An operator can ask for it.</p>
        )}
      </div>
    </Stage>
  );
}

function Said({
  file,
  device,
  asking,
}: {
  file: Evidence;
  device: string;
  asking: Asking | undefined;
}) {
  const name = nameOf[file.kind];
  if (asking?.state === "refused") return <Refused name={name} asking={asking} />;
  if (asking?.state === "asked")
    return (
      <>
        <p class="held-fact">
          The {name} is on its way from <bdi>{device}</bdi>.
        </p>
        <p class="quiet">
          Asked for <Ago at={new Date(asking.at).toISOString()} suffix=" ago" />; it appears here by
          itself.
        </p>
      </>
    );
  return (
    <>
      <p class="held-fact">
        The {name} is held at <bdi>{device}</bdi>.
      </p>
      <p class="quiet">
        Its upload policy sends this only when it is asked for:{" "}
        <span class="num">{bytesText(file.bytes)}</span>.
      </p>
    </>
  );
}

function Refused({ name, asking }: { name: string; asking: Asking }) {
  const body = asking.failure?.body;
  const gone = asking.failure?.status === 404;
  return (
    <>
      <p class="held-fact held-bad" role="alert">
        {gone ? `The ${name} is not to be had any more.` : `The ${name} could not be asked for.`}
      </p>
      <p class="held-why">{body?.fact}</p>
      {body?.detail && <p class="quiet">{body.detail}</p>}
      {body?.hint && <p class="quiet held-why">{body.hint}</p>}
    </>
  );
}

/** Asked again when it takes long: the device may have started again in between. */
function AskButtons({
  file,
  all,
  asking,
}: {
  file: Evidence;
  all: readonly Evidence[];
  asking: Asking | undefined;
}) {
  const busy = asking?.state === "asking";
  const gone = asking?.state === "refused" && asking.failure?.status === 404;
  const now = useNow();
  const waiting = asking?.state === "asked" && now - asking.at < LONG_MS;
  if (gone || waiting) return null;
  const both = !asking && all.length > 1;
  return (
    <p class="held-buttons">
      <button
        type="button"
        class="button held-ask"
        disabled={busy}
        onClick={() => void askFor(file.digest)}
      >
        {busy ? "Asking" : asking ? "Ask again" : "Ask for it"}
      </button>
      {both && (
        <button
          type="button"
          class="button held-both"
          onClick={() => all.forEach((one) => void askFor(one.digest))}
        >
          Ask for picture and clip
        </button>
      )}
    </p>
  );
}
