import { render } from "preact";
import { App } from "./app";
import { begin, loadSettings } from "./state/session";
import "./state/theme";

begin();
void loadSettings();
// A file of an older version is gone after a deployment: the page of now has the names of now.
addEventListener("vite:preloadError", () => {
  // Without a connection there is no page to load: what could not be fetched is done without.
  if (!navigator.onLine) return;
  const reloaded = Number(sessionStorage.getItem("event-service-reloaded"));
  if (Date.now() - reloaded < 60_000) return;
  sessionStorage.setItem("event-service-reloaded", String(Date.now()));
  location.reload();
});

const root = document.getElementById("console");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
