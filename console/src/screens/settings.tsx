import { Fragment } from "preact";
import { useQuery } from "../api/query";
import { SignIn } from "../api/documents";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { Failed } from "../parts/states";
import { Id } from "../parts/text";
import { end, graphqlUrl, settings } from "../state/session";
import { theme, type Theme } from "../state/theme";

const SHORTCUTS: [string, string][] = [
  ["/", "find a screen, an endpoint, a filter or an event"], ["Ctrl K", "the same, from everywhere"], ["Esc", "close what is open"],
  ["Tab", "go on; also out of an editor"],
];
const THEMES: { value: Theme; text: string }[] = [{ value: "system", text: "as the system" }, { value: "light", text: "light" }, { value: "dark", text: "dark" }];

export function SettingsScreen() {
  const query = useQuery(SignIn, {});
  const workspace = query.answer?.endpoints.collectionItems[0]?.workspaceId;
  const known = settings.value;
  return (
    <>
      <Head title="Settings" name="Settings" />
      {query.error && <Failed error={query.error} again={query.reload} />}
      <div class="columns">
        <section class="panel">
          <header><h2>This console</h2></header>
          <div class="body">
            <fieldset>
              <legend class="legend">Colours</legend>
              {THEMES.map((one) => (
                <label key={one.value} class="check">
                  <input type="radio" name="theme" checked={theme.value === one.value} onChange={() => (theme.value = one.value)} />
                  {one.text}
                </label>
              ))}
            </fieldset>
            <h3>Keys</h3>
            <dl class="facts">{SHORTCUTS.map(([key, text]) => <Fragment key={key}><dt><kbd>{key}</kbd></dt><dd>{text}</dd></Fragment>)}</dl>
            <p class="small"><a href="console/licenses.txt" target="_blank" rel="noopener">Licences of the code in this page</a></p>
            <div class="actions"><button type="button" onClick={() => end(null)}><Icon name="out" />Sign out</button></div>
          </div>
        </section>
        <section class="panel">
          <header><h2>This stack</h2></header>
          <div class="body">
            <dl class="facts">
              {known && <><dt>Stack</dt><dd>{known.stack}, {known.region}</dd></>}
              {workspace && <><dt>Workspace</dt><dd><Id value={workspace} what="workspace id" /></dd></>}
              <dt>GraphQL</dt><dd><Id value={graphqlUrl} what="address of the GraphQL API" /></dd>
              {known && <><dt>WebSocket</dt><dd><Id value={known.webSocketUrl} what="address of the WebSocket API" /></dd></>}
              {known?.release && <><dt>Release</dt><dd><code>{known.release.slice(0, 12)}</code></dd></>}
            </dl>
          </div>
        </section>
        {known && (
          <section class="panel">
            <header><h2>Limits in force</h2></header>
            <div class="body">
              <dl class="facts">
                <dt>Events are kept</dt><dd>{known.eventRetentionDays} days</dd>
                <dt>A socket can resume</dt><dd>for {known.socketRetentionHours} hours</dd>
                <dt>A webhook may take</dt><dd>{known.webhookTimeoutSeconds} s</dd>
                <dt>Endpoints</dt><dd>{known.maxEndpoints.toLocaleString("en")} a workspace</dd>
                <dt>Event filters</dt><dd>{known.maxEventFilters.toLocaleString("en")} a workspace</dd>
                <dt>A publish</dt><dd>100 events, 900 KiB; 256 KiB an event</dd>
              </dl>
            </div>
          </section>
        )}
      </div>
    </>
  );
}
