import { Fragment } from "preact";
import { useQuery } from "../api/query";
import { SignIn } from "../api/documents";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { Failed, Loading } from "../parts/states";
import { Id, Text, Time } from "../parts/text";
import { end, graphqlUrl, settings } from "../state/session";
import { allowSingleKeys, GO_KEYS, singleKeys } from "../state/shortcuts";
import { theme, type Theme } from "../state/theme";

const SHORTCUTS: [string[], string][] = [
  [["Ctrl", "K"], "find a screen, an endpoint, a filter or an event"], [["/"], "the same"], [["g"], "and a letter: go to a screen"], [["Esc"], "close what is open"],
  [["Tab"], "go on; also out of an editor"],
];
const THEMES: { value: Theme; text: string }[] = [{ value: "system", text: "as the system" }, { value: "light", text: "light" }, { value: "dark", text: "dark" }];

export function SettingsScreen() {
  return (
    <>
      <Head title="Settings" name="Settings">Who is signed in, to which stack, and how this page looks.</Head>
      <div class="columns">
        <div>
          <SignedIn />
          <Stack />
        </div>
        <div>
          <Limits />
          <ThisConsole />
        </div>
      </div>
    </>
  );
}

function SignedIn() {
  const query = useQuery(SignIn, {});
  const token = query.answer?.token;
  return (
    <section class="panel">
      <header><h2>Token</h2></header>
      <div class="body">
        {query.error && !token ? <Failed error={query.error} again={query.reload} /> : !token ? <Loading what="the token" rows={2} /> : (
          <dl class="facts">
            <dt>Label</dt><dd><Text value={token.name} /></dd>
            <dt>Kind</dt><dd>access: everything in its workspace</dd>
            <dt>Workspace</dt><dd><Id value={token.workspaceId} what="workspace id" /></dd>
            <dt>Id</dt><dd><Id value={token.id} what="id of the token" /></dd>
            <dt>Issued</dt><dd><Time at={token.creationDate} exact /></dd>
            <dt>Ends</dt><dd>{token.expiryDate ? <Time at={token.expiryDate} exact /> : "when it is revoked"}</dd>
          </dl>
        )}
        <div class="actions"><button type="button" onClick={() => end(null)}><Icon name="out" />Sign out</button></div>
      </div>
    </section>
  );
}

function Stack() {
  const known = settings.value;
  return (
    <section class="panel">
      <header><h2>Stack</h2></header>
      <div class="body">
        {!known ? <Loading what="the stack" rows={2} /> : (
          <dl class="facts">
            <dt>Name</dt><dd>{known.stack}, {known.region}</dd>
            <dt>Release</dt><dd>{known.release ? <code>{known.release.slice(0, 12)}</code> : "not a release"}</dd>
            <dt>GraphQL</dt><dd><Id value={graphqlUrl} what="address of the GraphQL API" /></dd>
            <dt>WebSocket</dt><dd><Id value={known.webSocketUrl} what="address of the WebSocket API" /></dd>
          </dl>
        )}
      </div>
    </section>
  );
}

function Limits() {
  const known = settings.value;
  return (
    <section class="panel">
      <header><h2>Limits in force</h2></header>
      <div class="body">
        {!known ? <Loading what="the limits" rows={2} /> : (
          <dl class="facts">
            <dt>Events are kept</dt><dd>{known.eventRetentionDays} days</dd>
            <dt>A socket can resume</dt><dd>for {known.socketRetentionHours} hours</dd>
            <dt>A webhook may take</dt><dd>{known.webhookTimeoutSeconds} s</dd>
            <dt>Endpoints</dt><dd>{known.maxEndpoints.toLocaleString("en")} a workspace</dd>
            <dt>Event filters</dt><dd>{known.maxEventFilters.toLocaleString("en")} a workspace</dd>
            <dt>A publish</dt><dd>100 events, 900 KiB; 256 KiB an event</dd>
          </dl>
        )}
      </div>
    </section>
  );
}

function ThisConsole() {
  return (
    <section class="panel">
      <header><h2>This page</h2></header>
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
        <dl class="facts">
          {SHORTCUTS.map(([keys, text]) => <Fragment key={keys.join()}><dt>{keys.map((one, index) => <Fragment key={one}>{index > 0 && " "}<kbd>{one}</kbd></Fragment>)}</dt><dd>{text}</dd></Fragment>)}
        </dl>
        <p class="small muted">After <kbd>g</kbd>: {Object.entries(GO_KEYS).map(([key, name], index) => <Fragment key={key}>{index > 0 && ", "}<kbd>{key}</kbd> {name || "home"}</Fragment>)}.</p>
        <label class="check">
          <input type="checkbox" checked={singleKeys.value} onChange={(event) => allowSingleKeys(event.currentTarget.checked)} />
          <span>Keys without Ctrl: <kbd>/</kbd> and <kbd>g</kbd></span>
        </label>
        <p class="small"><a href="console/licenses.txt" target="_blank" rel="noopener">Licences of the code in this page</a></p>
      </div>
    </section>
  );
}
