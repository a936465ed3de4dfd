// A difference with its interval, drawn on one axis with zero, and said in figures beside it.
import type { GateDifference, GateVerdict } from "../../contract.gen";
import { outcomeText, signed } from "../../logic/opswords";
import { percent } from "../../logic/words";

export const maybeFigure = (v: number | null | undefined, digits = 3): string =>
  v === null || v === undefined ? "–" : v.toFixed(digits);

/** Which side is good differs: more mAP, fewer false alarms. */
export function DifferenceStrip({
  of,
  title,
  better,
  confidence,
}: {
  of: GateDifference;
  title: string;
  better: "more" | "less";
  confidence: number;
}) {
  const { low, high, difference } = of;
  const known = low !== null && high !== null && difference !== null;
  const span = known ? Math.max(Math.abs(low), Math.abs(high), 0.01) * 1.15 : 1;
  const place = (v: number) => 50 + (v / span) * 50;
  const sure = known && (better === "more" ? low > 0 : high < 0);
  const bad = known && (better === "more" ? high < 0 : low > 0);
  return (
    <div class={`difference${sure ? " difference-good" : bad ? " difference-bad" : ""}`}>
      <div class="difference-head">
        <strong>{title}</strong>
        <span class="num">
          {maybeFigure(of.champion)} → {maybeFigure(of.challenger)}
        </span>
      </div>
      {known ? (
        <>
          <svg
            class="difference-strip"
            viewBox="0 0 100 16"
            preserveAspectRatio="none"
            role="img"
            aria-label={`${title}: ${signed(difference)}, ${percent(confidence)} interval ${signed(low)} to ${signed(high)}`}
          >
            <line class="strip-axis" x1="0" x2="100" y1="8" y2="8" />
            <line class="strip-zero" x1="50" x2="50" y1="0" y2="16" />
            <rect
              class="strip-range"
              x={place(low)}
              width={Math.max(0.6, place(high) - place(low))}
              y="4.5"
              height="7"
              rx="0.6"
            />
            <line class="strip-at" x1={place(difference)} x2={place(difference)} y1="2" y2="14" />
          </svg>
          <p class="difference-said">
            <span class="num">
              {signed(difference)}, {percent(confidence)} interval {signed(low)} … {signed(high)}
            </span>
            <span class={sure ? "good-text" : bad ? "bad-text" : "quiet"}>
              {sure
                ? better === "more"
                  ? "surely more"
                  : "surely fewer"
                : bad
                  ? better === "more"
                    ? "surely less"
                    : "surely more"
                  : "may be chance"}
            </span>
          </p>
        </>
      ) : (
        <p class="quiet small">Cannot be said.</p>
      )}
    </div>
  );
}

export function Verdict({ of }: { of: GateVerdict }) {
  return (
    <div class="gate">
      <p class="gate-head">
        <span class={`sign gate-${of.promote ? "yes" : "no"}`}>
          <i />
          {outcomeText[of.outcome]}
        </span>
        <span class="quiet small num">
          {of.pictures.toLocaleString("en")} held-out pictures in {of.groups} groups
        </span>
      </p>
      <p class="gate-why">{of.why}</p>
      <div class="differences">
        <DifferenceStrip
          of={of.map50}
          title="mAP50"
          better="more"
          confidence={of.confidence}
        />
        <DifferenceStrip
          of={of.false_alarms}
          title="False alarms a picture"
          better="less"
          confidence={of.confidence}
        />
      </div>
      {of.words.length > 0 && (
        <ul class="said-words">
          {of.words.map((w) => (
            <li key={w}>{w}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
