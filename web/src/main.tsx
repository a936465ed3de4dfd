import { render } from "preact";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/incidents.css";
import "./style/places.css";
import "./style/lab.css";
import "./style/models.css";
import "./style/watch.css";
import "./style/recording.css";
import { Page } from "./page";
import { catchLinks } from "./state/route";
import { listenForKeys } from "./pieces/keys";
import { start } from "./state/app";

const root = document.getElementById("page");
if (root) {
  catchLinks();
  listenForKeys();
  render(<Page />, root);
  void start();
}
