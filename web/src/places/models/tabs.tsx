// The head that Models, Rollouts and Score share.
import type { ComponentChildren } from "preact";

const parts = [
  { to: "/models", name: "models", title: "Models" },
  { to: "/rollouts", name: "rollouts", title: "Rollouts" },
  { to: "/score", name: "score", title: "Try a picture" },
] as const;

export function ModelsHead({
  at,
  children,
}: {
  at: (typeof parts)[number]["name"];
  children?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      <h1 class="place-title">{parts.find((p) => p.name === at)?.title}</h1>
      <nav class="tabs" aria-label="Models">
        {parts.map((p) => (
          <a
            key={p.name}
            class="tab"
            href={p.to}
            aria-current={p.name === at ? "page" : undefined}
          >
            {p.title}
          </a>
        ))}
      </nav>
      <span class="grow" />
      {children}
    </header>
  );
}
