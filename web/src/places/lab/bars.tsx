// How things are spread over the splits, as bars; a zero is said in words, because a bar cannot show it.
import type { SplitCounts } from "../../contract.gen";
import { splitText } from "../../logic/labelwords";

const splits = ["train", "val", "test"] as const;
export const sum = (c: SplitCounts): number => c.train + c.val + c.test;

export function SplitBar({ of, most }: { of: SplitCounts; most?: number }) {
  const all = most ?? sum(of);
  return (
    <span
      class="split-bar"
      role="img"
      aria-label={splits.map((s) => `${splitText[s]} ${of[s]}`).join(", ")}
      title={splits.map((s) => `${splitText[s]} ${of[s].toLocaleString("en")}`).join(" · ")}
    >
      {splits.map((s) => (
        <i key={s} class={`split-${s}`} style={{ width: `${all ? (100 * of[s]) / all : 0}%` }} />
      ))}
    </span>
  );
}

export function SplitKey() {
  return (
    <span class="split-key small quiet">
      {splits.map((s) => (
        <span key={s}>
          <i class={`split-${s}`} />
          {splitText[s]}
        </span>
      ))}
    </span>
  );
}

/** Which splits lack it altogether. */
export function missingIn(of: SplitCounts): string {
  const none = splits.filter((s) => of[s] === 0).map((s) => splitText[s].toLowerCase());
  return none.length ? `none in ${none.join(" and ")}` : "";
}
