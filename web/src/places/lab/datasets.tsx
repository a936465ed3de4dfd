import type { Route } from "../../state/route";
import { LabHead } from "./head";
export function DatasetsPlace({ route }: { route: Route }) {
  void route;
  return <LabHead at="datasets" />;
}
