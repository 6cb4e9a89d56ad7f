import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { CreateWebhookEndpoint, CreateWebSocketEndpoint, DeleteEndpoints, TestEndpoint, type Endpoint, type EndpointType, type TestEndpointAnswer } from "../api/documents";
import { FilterChoice } from "../parts/choices";
import { Action, attempt, Field } from "../parts/controls";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { Receiving } from "../parts/receiving";
import { Message, Problems } from "../parts/states";
import { Text } from "../parts/text";
import { endpointNames, filterNames } from "../state/names";
import { say } from "../state/notices";
import { go, link } from "../state/route";
import { settings } from "../state/session";
import { TestResult } from "./endpoint-overview";

export function NewEndpointScreen() {
  const [type, setType] = useState<EndpointType>("WEB_HOOK");
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [method, setMethod] = useState("POST");
  const [description, setDescription] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const [tryNow, setTryNow] = useState(true);
  const [error, setError] = useState<ApiError | null>(null);
  const [faults, setFaults] = useState<{ name?: string; url?: string }>({});
  const [busy, setBusy] = useState(false);
  const [created, setCreated] = useState<{ endpoint: Endpoint; test: TestEndpointAnswer["testEndpoint"] | undefined } | null>(null);
  // A second click, or a retry after a lost answer, must not make a second endpoint.
  const key = useRef(crypto.randomUUID());
  useEffect(() => { key.current = crypto.randomUUID(); }, [type, name, url, method, description, chosen]);

  const webhook = type === "WEB_HOOK";
  const common = () => ({ name: name.trim(), eventFiltersIds: chosen, description: description.trim() || null, idempotencyKey: key.current });

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const found: typeof faults = {};
    if (!name.trim()) found.name = "Give it a name that tells it from the others.";
    if (type === "WEB_HOOK" && !/^https?:\/\/.+/i.test(url.trim())) found.url = "A URL that begins with https://, such as https://example.com/hook.";
    setFaults(found);
    setError(null);
    if (Object.keys(found).length) return;
    setBusy(true);
    try {
      const endpoint = type === "WEB_HOOK"
        ? (await call(CreateWebhookEndpoint, { ...common(), url: url.trim(), method })).createWebhookEndpoint
        : (await call(CreateWebSocketEndpoint, common())).createWebSocketEndpoint;
      if (!endpoint) return;
      void attempt(() => endpointNames.want(true));
      const test = type === "WEB_HOOK" && tryNow ? (await call(TestEndpoint, { id: endpoint.id })).testEndpoint : undefined;
      setCreated({ endpoint, test });
      say("Created.", { undo: () => void attempt(async () => { await call(DeleteEndpoints, { ids: [endpoint.id] }); say("Deleted again."); go(["endpoints"]); }) });
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  if (created) return <Created endpoint={created.endpoint} test={created.test} />;
  return (
    <>
      <Head sends={webhook ? { operation: CreateWebhookEndpoint, variables: { ...common(), url: url.trim(), method } } : { operation: CreateWebSocketEndpoint, variables: common() }} title="New endpoint" name="New endpoint" crumb={{ text: "Endpoints", href: link(["endpoints"]) }} />
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <fieldset>
          <legend class="legend">How should events arrive?</legend>
          <div class="choices">
            <label class="choice">
              <input type="radio" name="type" checked={type === "WEB_HOOK"} onChange={() => setType("WEB_HOOK")} />
              <span><strong>Webhook</strong><br /><span class="muted small">We send each event to a URL of yours.</span></span>
            </label>
            <label class="choice">
              <input type="radio" name="type" checked={type === "WEB_SOCKET"} onChange={() => setType("WEB_SOCKET")} />
              <span><strong>WebSocket</strong><br /><span class="muted small">Your program connects and listens. It needs no address.</span></span>
            </label>
          </div>
        </fieldset>
        <Field label="Name" fault={faults.name}>
          {(attributes) => <input {...attributes} value={name} maxLength={256} onInput={(event) => setName(event.currentTarget.value)} />}
        </Field>
        {type === "WEB_HOOK" && (
          <>
            <Field label="URL" fault={faults.url} hint={`It must answer 2xx within ${settings.value?.webhookTimeoutSeconds ?? 15} s. Code for a receiver follows when the endpoint is there.`}>
              {(attributes) => (
                <input {...attributes} type="url" inputMode="url" placeholder="https://example.com/hook" value={url} onInput={(event) => setUrl(event.currentTarget.value)} />
              )}
            </Field>
            <Field label="Method">
              {(attributes) => (
                <select {...attributes} value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
                  {["POST", "PUT", "PATCH"].map((one) => <option key={one}>{one}</option>)}
                </select>
              )}
            </Field>
          </>
        )}
        <Field label="Description" hint="For people. May stay empty.">
          {(attributes) => <input {...attributes} value={description} maxLength={1024} onInput={(event) => setDescription(event.currentTarget.value)} />}
        </Field>
        <fieldset>
          <legend class="legend">Which events?</legend>
          <p class="muted small">{chosen.length ? "What any of these filters matches." : <>Every event of the workspace. Choose or <a href={link(["new-filter"])}>create an event filter</a> to receive fewer.</>}</p>
          {chosen.length > 0 && (
            <ul class="tags" aria-label="Chosen event filters">
              {chosen.map((id) => {
                const name = filterNames.known.value.get(id)?.name ?? id;
                return (
                  <li key={id} class="tag with-button"><Text value={name} /><button type="button" class="plain tiny" aria-label={`Leave out ${name}`} onClick={() => setChosen(chosen.filter((one) => one !== id))}><Icon name="close" /></button></li>
                );
              })}
            </ul>
          )}
          <Field label="Event filter">
            {(attributes) => <FilterChoice {...attributes} value="" none={chosen.length ? "Choose another event filter" : "Choose an event filter"} without={chosen} change={(id) => id && setChosen([...chosen, id])} />}
          </Field>
        </fieldset>
        {type === "WEB_HOOK" && (
          <label class="check">
            <input type="checkbox" checked={tryNow} onChange={(event) => setTryNow(event.currentTarget.checked)} />
            <span>Send a test event now</span>
          </label>
        )}
        {error && <Problems error={error} />}
        <div class="actions">
          <button type="submit" class="primary" aria-busy={busy} disabled={busy}>{busy ? "Creating …" : "Create endpoint"}</button>
          <a class="button" href={link(["endpoints"])}>Cancel</a>
        </div>
      </form>
    </>
  );
}

function Created({ endpoint, test }: { endpoint: Endpoint; test: TestEndpointAnswer["testEndpoint"] | undefined }) {
  const [result, setResult] = useState(test);
  return (
    <>
      <Head title={<Text value={endpoint.name} />} name="Endpoint created" crumb={{ text: "Endpoints", href: link(["endpoints"]) }}
        actions={<a class="button primary" href={link(["endpoints", endpoint.id])}>Open the endpoint</a>} />
      <div class="columns">
        <section class="panel">
          <header><h2>Created</h2></header>
          <div class="body">
            <Message kind="good"><p>{endpoint.type === "WEB_HOOK" ? "Events published from now on are sent to it." : "Events published from now on are kept for it. Connect to get them."}</p></Message>
            {result !== undefined && <TestResult result={result} />}
            {endpoint.type === "WEB_HOOK" && (
              <div class="actions">
                <Action icon="send" run={async () => setResult((await call(TestEndpoint, { id: endpoint.id })).testEndpoint)}>
                  {result === undefined ? "Send a test event" : "Send another test event"}
                </Action>
              </div>
            )}
            <div class="actions"><a class="button" href={link(["publish"])}><Icon name="plus" />Publish an event</a></div>
          </div>
        </section>
        <Receiving endpoint={endpoint} />
      </div>
    </>
  );
}
