// An incident's history as people read it.
import type { HistoryEntry, Verdict } from "../contract.gen";
import { historyText, many, verdictText } from "./words";

export type Told = HistoryEntry & { joined: number; ended: number };
export const isUlid = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** What devices and the hub did between two people's words is one line with a count: 35 lines of
 *  "added an event" would hide the one who decided. */
export function gathered(history: readonly HistoryEntry[]): Told[] {
  const lines: Told[] = [];
  for (const h of history) {
    const last = lines[lines.length - 1];
    const machine = h.what === "event_joined" || h.what === "event_ended";
    if (machine && last && last.who === h.who && (last.joined || last.ended)) {
      last.at = h.at;
      last.version = h.version;
      if (h.what === "event_joined") last.joined++;
      else last.ended++;
    } else
      lines.push({
        ...h,
        joined: Number(h.what === "event_joined"),
        ended: Number(h.what === "event_ended"),
      });
  }
  return lines;
}

/** A resolution's text is its verdict's word and, after a colon, the note. */
export function saidText(text: string): string {
  const [, word, rest] = /^([a-z_]+)(: [^]*)?$/.exec(text) ?? [];
  const said = word && word in verdictText ? verdictText[word as Verdict] : undefined;
  return said ? said + (rest ?? "") : text;
}

export function did(h: Told): string {
  if (h.joined) return `added ${many(h.joined, "event")}${h.ended ? `, saw ${h.ended} end` : ""}`;
  if (h.ended > 1) return `saw ${many(h.ended, "event")} end`;
  return historyText[h.what];
}
