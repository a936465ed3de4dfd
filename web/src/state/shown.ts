// What redraws when a store of the page changes: each store has one, tells it, and lets its hook listen.
import { useEffect, useState } from "preact/hooks";

export interface Shown {
  tell: () => void;
  /** A hook: the component that calls it is drawn again whenever it is told. */
  use: () => void;
}

export function makeShown(): Shown {
  const calls = new Set<() => void>();
  return {
    tell: () => {
      for (const call of calls) call();
    },
    use: () => {
      const [, redraw] = useState(0);
      useEffect(() => {
        const call = () => redraw((n) => n + 1);
        calls.add(call);
        return () => {
          calls.delete(call);
        };
      }, []);
    },
  };
}
