import type { Route } from "../../state/route";
import { LabHead } from "./head";
export function RunsPlace({ route }: { route: Route }) {
  void route;
  return <LabHead at="runs" />;
}
