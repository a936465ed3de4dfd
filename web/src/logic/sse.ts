// Reads server-sent events from text that arrives in pieces; gives each event's data.
// A line is at most 64 KiB: more is thrown away up to the next line end.
const LINE_MAX = 65_536;

export function sseReader(event: (data: string) => void): (piece: string) => void {
  let rest = "";
  let data: string[] = [];
  return (piece) => {
    rest += piece;
    for (;;) {
      const end = rest.indexOf("\n");
      if (end < 0) break;
      const line = rest.slice(0, end).replace(/\r$/, "");
      rest = rest.slice(end + 1);
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line !== "") continue;
      if (data.length) event(data.join("\n"));
      data = [];
    }
    if (rest.length > LINE_MAX) rest = "";
  };
}
