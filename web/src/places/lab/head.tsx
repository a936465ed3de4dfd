// The Lab's head: its parts, and what can be done in the one that is shown.
import type { ComponentChildren } from "preact";

const parts = [
  { name: "pool", title: "Pool" },
  { name: "label", title: "Label" },
  { name: "datasets", title: "Datasets" },
  { name: "runs", title: "Runs" },
] as const;

export function LabHead({ at, children }: { at: string; children?: ComponentChildren }) {
  return (
    <header class="lab-head">
      <h1 class="place-title">Lab</h1>
      <nav class="tabs" aria-label="Lab">
        {parts.map((p) => (
          <a
            key={p.name}
            class="tab"
            href={`/lab/${p.name}`}
            aria-current={at === p.name ? "page" : undefined}
          >
            {p.title}
          </a>
        ))}
      </nav>
      <div class="lab-acts">{children}</div>
    </header>
  );
}
