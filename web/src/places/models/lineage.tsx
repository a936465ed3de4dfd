// What a model was made from and where it went, as one chain that is read from left to right.
import type { ComponentChildren } from "preact";
import type { Lineage, Model } from "../../contract.gen";
import { Asked, Skeleton, When } from "../../pieces/basics";
import { Arrow } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { many, shortDigest } from "../../logic/words";
import { modelStateText } from "../../logic/opswords";
import { blobUrl } from "../lab/hub";
import { models } from "./hub";

export function LineageCard({ one }: { one: Model }) {
  const view = useAsk<Lineage>(`lineage/${one.digest}`, () => models.lineage(one.digest), [
    "model",
    "device",
    "run",
  ]);
  return (
    <section class="card" aria-label="Where it comes from, and where it went">
      <h2>Where it comes from, and where it went</h2>
      <Asked view={view} what="Its lineage" waiting={<Skeleton lines={3} />}>
        {(l) => <Chain of={l} one={one} />}
      </Asked>
    </section>
  );
}

const THUMBS = 6;

function Chain({ of, one }: { of: Lineage; one: Model }) {
  const parents = of.models.filter((m) => m.digest === one.parent);
  const children = of.models.filter((m) => m.parent === one.digest);
  return (
    <ol class="chain">
      <Link title="Pictures" count={of.picture_count.toLocaleString("en")}>
        {of.pictures.length ? (
          <span class="chain-thumbs">
            {of.pictures.slice(0, THUMBS).map((p) => (
              <a key={p} href={`/lab/label/${p}`} aria-label={`Picture ${shortDigest(p)}`}>
                <img src={blobUrl(p, 160)} alt="" loading="lazy" decoding="async" />
              </a>
            ))}
          </span>
        ) : (
          <p class="quiet">None known: it was brought from outside.</p>
        )}
      </Link>
      <Link title="Dataset">
        {of.datasets.length ? (
          <ul class="chain-list">
            {of.datasets.map((d) => (
              <li key={d.digest}>
                <a href={`/lab/datasets/${d.digest}`}>
                  <bdi>{d.name ?? shortDigest(d.digest)}</bdi>
                </a>
                <span class="quiet small">
                  {d.pictures === undefined ? "" : many(d.pictures, "picture")}
                  {d.made_at && (
                    <>
                      {" · "}
                      <When at={d.made_at} />
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
        ) : (
          <p class="quiet">None known.</p>
        )}
      </Link>
      <Link title="Run">
        {of.runs.length ? (
          <ul class="chain-list">
            {of.runs.slice(0, 4).map((r) => (
              <li key={r.run}>
                <a href={`/lab/runs/${r.run}`}>{runText[r.kind ?? ""] ?? r.kind ?? "Run"}</a>
                <span class="quiet small">
                  {r.who && (
                    <>
                      <bdi>{r.who}</bdi>{" "}
                    </>
                  )}
                  {r.at && <When at={r.at} />}
                </span>
              </li>
            ))}
            {of.runs.length > 4 && (
              <li class="quiet small">and {many(of.runs.length - 4, "more run")}</li>
            )}
          </ul>
        ) : (
          <p class="quiet">None known.</p>
        )}
      </Link>
      <Link title="Model" here>
        <ul class="chain-list">
          {parents.map((m) => (
            <Related key={m.digest} one={m} how="began as" />
          ))}
          <li class="chain-here">
            <strong>
              <bdi>{one.name}</bdi> <span class="num">v{one.version}</span>
            </strong>
            <span class="quiet small">{modelStateText[one.state]}</span>
          </li>
          {children.map((m) => (
            <Related key={m.digest} one={m} how="became" />
          ))}
        </ul>
      </Link>
      <Link title="Devices" last>
        <Devices of={of} one={one} />
      </Link>
    </ol>
  );
}
const runText: Record<string, string> = {
  train: "Training",
  evaluate: "Evaluation",
  quantize: "Quantisation",
};

function Related({ one, how }: { one: Model; how: string }) {
  return (
    <li>
      <span class="quiet small">{how}</span>
      <a href={`/models/${one.digest}`}>
        <bdi>{one.name}</bdi> <span class="num">v{one.version}</span>
      </a>
    </li>
  );
}

function Devices({ of, one }: { of: Lineage; one: Model }) {
  const own = of.devices.filter((d) => d.model.digest === one.digest);
  const others = of.devices.length - own.length;
  return (
    <>
      {own.length ? (
        <ul class="chain-list">
          {own.slice(0, 6).map((d) => (
            <li key={d.device}>
              <a href={`/devices/${encodeURIComponent(d.device)}`}>
                <bdi>{d.device}</bdi>
              </a>
              <span class="quiet small">
                {d.cameras?.length ? many(d.cameras.length, "camera") : (d.state ?? "")}
                {d.since && (
                  <>
                    {" · since "}
                    <When at={d.since} />
                  </>
                )}
              </span>
            </li>
          ))}
          {own.length > 6 && <li class="quiet small">and {own.length - 6} more</li>}
        </ul>
      ) : (
        <p class="quiet">No device uses it.</p>
      )}
      {others > 0 && (
        <p class="quiet small">
          {many(others, "device")} with its parents or children
        </p>
      )}
    </>
  );
}

function Link({
  title,
  count,
  here,
  last,
  children,
}: {
  title: string;
  count?: string;
  here?: boolean;
  last?: boolean;
  children: ComponentChildren;
}) {
  return (
    <li class={`chain-link${here ? " here" : ""}`}>
      <h3>
        {title}
        {count && <span class="quiet num"> {count}</span>}
      </h3>
      {children}
      {!last && (
        <span class="chain-arrow">
          <Arrow />
        </span>
      )}
    </li>
  );
}
