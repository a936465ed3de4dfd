// The address is the state: place, chosen thing and filters live in it, so it can be shared and "back" works.
import { useEffect, useState } from "preact/hooks";

export interface Route {
  place: string;
  rest: string[];
  query: URLSearchParams;
}

export function readRoute(path: string, search: string): Route {
  const parts = path.split("/").filter(Boolean).map(decodePart);
  return {
    place: parts[0] ?? "incidents",
    rest: parts.slice(1),
    query: new URLSearchParams(search),
  };
}
function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const heard = new Set<() => void>();

export function go(to: string, how: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return;
  if (how.replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  for (const call of heard) call();
}

export function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export function useRoute(): Route {
  const [route, set] = useState(() => readRoute(location.pathname, location.search));
  useEffect(() => {
    const read = () => set(readRoute(location.pathname, location.search));
    heard.add(read);
    window.addEventListener("popstate", read);
    return () => {
      heard.delete(read);
      window.removeEventListener("popstate", read);
    };
  }, []);
  return route;
}

/** Ordinary links stay ordinary; a plain click on one of ours changes the place without a reload. */
export function catchLinks(): () => void {
  const click = (e: MouseEvent) => {
    if (e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const link = (e.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.pathname.startsWith("/api/")) return;
    e.preventDefault();
    go(link.pathname + link.search, { replace: link.dataset["replace"] !== undefined });
  };
  document.addEventListener("click", click);
  return () => document.removeEventListener("click", click);
}
