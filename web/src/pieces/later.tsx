// A part of the page that is fetched when it is first shown, so that the shell stays small.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Failure } from "../api/client";
import { FailureBox, Skeleton } from "./basics";

type Part<P> = (props: P) => ComponentChildren;

export function later<P extends object>(load: () => Promise<Part<P>>): Part<P> {
  let loaded: Part<P> | undefined;
  return function Later(props: P) {
    const [part, set] = useState(() => loaded);
    const [failed, fail] = useState(false);
    const fetch = () => {
      fail(false);
      load()
        .then((p) => {
          loaded = p;
          set(() => p);
        })
        .catch(() => fail(true));
    };
    useEffect(() => {
      if (!part) fetch();
    }, []);
    if (part) {
      const Shown = part;
      return <Shown {...props} />;
    }
    if (failed)
      return (
        <FailureBox
          failure={
            new Failure(0, {
              class: "retry",
              fact: "This part of the page could not be loaded.",
              hint: "The hub may be away, or newer than this page: try again, or reload.",
            })
          }
          retry={fetch}
        />
      );
    return (
      <div class="page" aria-busy="true">
        <Skeleton lines={4} />
      </div>
    );
  };
}
