// Keys without modifiers, heard anywhere but in fields and dialogs. What is shown last answers first.
type Keys = Record<string, () => void>;
const layers: Keys[] = [];

export function keysOf(keys: Keys): () => void {
  layers.push(keys);
  return () => {
    layers.splice(layers.indexOf(keys), 1);
  };
}

function typing(target: EventTarget | null): boolean {
  const el = target as HTMLElement | null;
  if (!el?.closest) return false;
  const field = el.closest("input, textarea, select, [contenteditable]");
  return field !== null && (field as HTMLInputElement).type !== "range";
}

export function listenForKeys(): () => void {
  const press = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    if (typing(e.target)) {
      if (e.key === "Escape") (e.target as HTMLElement).blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    for (let n = layers.length - 1; n >= 0; n--) {
      const call = layers[n]?.[e.key];
      if (!call) continue;
      e.preventDefault();
      call();
      return;
    }
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
