// Datasets: what is labelled, frozen into versions that never change and are named by their digest.
import type { Dataset, DatasetPage } from "../../contract.gen";
import { Ago, Asked, Empty, Skeleton } from "../../pieces/basics";
import { Lab as LabIcon, Plus } from "../../pieces/icons";
import { useAsk } from "../../state/ask";
import { useApp } from "../../state/app";
import type { Route } from "../../state/route";
import { many, shortDigest } from "../../logic/words";
import { DatasetPlace } from "./dataset";
import { LabHead } from "./head";
import { lab } from "./hub";
import { NewDataset } from "./newdataset";
import { SplitBar } from "./bars";

export function DatasetsPlace({ route }: { route: Route }) {
  const { user } = useApp();
  const [, which] = route.rest;
  const view = useAsk<DatasetPage>("datasets", () => lab.datasets(), ["pool", "run"]);
  return (
    <>
      <LabHead at="datasets">
        {user?.role !== "viewer" && !which && (
          <a class="button" href="/lab/datasets/new">
            <Plus />
            Make a version
          </a>
        )}
      </LabHead>
      <div class="lab-body">
        {which === "new" ? (
          <NewDataset />
        ) : which ? (
          <DatasetPlace
            digest={which}
            against={route.query.get("against")}
            all={view.data?.datasets}
          />
        ) : (
          <div class="page">
            <Asked view={view} what="Datasets" waiting={<Skeleton lines={4} tall />}>
              {({ datasets }) => (datasets.length ? <All datasets={datasets} /> : <None />)}
            </Asked>
          </div>
        )}
      </div>
    </>
  );
}

function None() {
  return (
    <Empty title="No dataset yet" art={<LabIcon />}>
      <p>
        A dataset freezes what is labelled now, split for training, validation and test by camera
        and time, so that neighbours never lie on both sides. It is named by its digest and never
        changes; the next one is a new version.
      </p>
      <div class="empty-actions">
        <a class="button primary" href="/lab/label">
          Label pictures
        </a>
      </div>
    </Empty>
  );
}

function All({ datasets }: { datasets: readonly Dataset[] }) {
  return (
    <ul class="rows-list" aria-label="Datasets">
      {datasets.map((d) => (
        <li key={d.digest}>
          <a class="dataset-row" href={`/lab/datasets/${d.digest}`}>
            <span class="row-name">
              <strong>
                <bdi>{d.name}</bdi>
              </strong>
              <span class="mono quiet">{shortDigest(d.digest)}</span>
            </span>
            <span class="dataset-size">
              <span class="num">{many(d.pictures, "picture")}</span>
              <span class="quiet num">
                {d.task === "classification" ? "whole pictures" : many(d.boxes, "box", "boxes")}
              </span>
            </span>
            <SplitBar of={d.splits} />
            <span class="dataset-classes quiet">
              <bdi>{d.classes.slice(0, 4).join(", ")}</bdi>
              {d.classes.length > 4 && ` and ${d.classes.length - 4} more`}
            </span>
            <span class="dataset-when quiet">
              <Ago at={d.made_at} suffix=" ago" />
              <span>
                test used <span class="num">{d.test_uses}×</span>
              </span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}
