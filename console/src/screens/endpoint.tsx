import { useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import {
  CloseConnections, DeleteEndpoints, EndpointSecret, LinkEndpoints, OneEndpoint, OpenConnections, PauseEndpoints, ResumeEndpoints,
  RotateEndpointSecret, TestEndpoint, UnlinkEndpoints, UpdateEndpoint, type Endpoint, type OneEndpointAnswer, type OpenConnection,
  type TestEndpointAnswer,
} from "../api/documents";
import { usePages, useQuery } from "../api/query";
import { FilterChoice } from "../parts/choices";
import { Action, attempt, Confirmed, Dialog, Field, More, Tabs } from "../parts/controls";
import { Icon } from "../parts/icon";
import { laneSentence } from "../parts/lane";
import { Head } from "../parts/page";
import { Receiving } from "../parts/receiving";
import { place, Rows } from "../parts/rows";
import { Stat } from "../parts/stat";
import { Empty, Failed, Loading, Message, Problems } from "../parts/states";
import { Status } from "../parts/status";
import { Code, duration, Id, relative, Text, Time } from "../parts/text";
import { endpointNames } from "../state/names";
import { say } from "../state/notices";
import { go, link, route } from "../state/route";
import { changesOf } from "./changes";
import { DeliveryList } from "./deliveries";
import { address, Labels, labelsOf, pairs } from "./endpoints";
import { Replay } from "./replay";

export function EndpointScreen({ id }: { id: string }) {
  const query = useQuery(OneEndpoint, { id }, { every: 10 });
  const endpoint = query.answer?.endpoint;
  if (query.error && !endpoint) return <><Head title="Endpoint" name="Endpoint" /><Failed error={query.error} again={query.reload} /></>;
  if (!query.answer) return <><Head title="Endpoint" name="Endpoint" /><Loading what="the endpoint" /></>;
  if (!endpoint) {
    return (
      <>
        <Head title="Endpoint" name="Endpoint" crumb={{ text: "Endpoints", href: link(["endpoints"]) }} />
        <Empty title="There is no such endpoint"><p>It was deleted, or belongs to another workspace.</p></Empty>
      </>
    );
  }
  return <Card endpoint={endpoint} health={endpoint.health} reload={query.reload} />;
}

/** The API counts no further. */
const MOST_COUNTED = 1000;

type Health = NonNullable<OneEndpointAnswer["endpoint"]>["health"];

interface Part {
  endpoint: Endpoint;
  reload: () => Promise<void>;
}

function Card({ endpoint, health, reload }: Part & { health: Health }) {
  const webhook = endpoint.type === "WEB_HOOK";
  const names = webhook ? ["overview", "deliveries", "filters", "receive", "secret", "settings"] : ["overview", "connections", "filters", "receive", "settings"];
  const texts: Record<string, string> = {
    overview: "Overview", connections: "Connections", deliveries: "Deliveries", filters: "Filters", receive: webhook ? "Receive" : "Connect", secret: "Secret", settings: "Settings",
  };
  const current = names.find((one) => one === route.value.query.get("tab")) ?? "overview";
  return (
    <>
      <Head title={<><Text value={endpoint.name} /> <Status of={endpoint.status} /></>} name={endpoint.name} crumb={{ text: "Endpoints", href: link(["endpoints"]) }}
        actions={<Switch endpoint={endpoint} reload={reload} />}>
        {address(endpoint)}
      </Head>
      {endpoint.status === "DISABLED" && (
        <div style={{ marginBottom: "1rem" }}>
          <Message kind="bad"><p>{endpoint.statusReason ?? "The service disabled it."}</p><p>Resume it when the reason is gone. What arrived meanwhile is sent then.</p></Message>
        </div>
      )}
      <Tabs label="Parts of the endpoint" current={current}
        tabs={names.map((name) => ({ name, text: texts[name] ?? name, href: link(["endpoints", endpoint.id], { tab: name === "overview" ? null : name }) }))} />
      {current === "overview" && <Overview endpoint={endpoint} health={health} />}
      {current === "deliveries" && <DeliveryList key="all" filters={{ endpointId: { exact: endpoint.id } }} withEndpoint={false} />}
      {current === "connections" && <Connections endpoint={endpoint} />}
      {current === "filters" && <Filters endpoint={endpoint} reload={reload} />}
      {current === "receive" && <Receiving endpoint={endpoint} />}
      {current === "secret" && <Secret endpoint={endpoint} />}
      {current === "settings" && <Settings endpoint={endpoint} reload={reload} />}
    </>
  );
}

async function pause(id: string): Promise<void> {
  await call(PauseEndpoints, { ids: [id] });
}

async function resume(id: string): Promise<void> {
  await call(ResumeEndpoints, { ids: [id] });
}

function Switch({ endpoint, reload }: Part) {
  if (endpoint.status === "ENABLED") {
    return (
      <Action icon="pause" run={async () => {
        await pause(endpoint.id);
        say("Paused. What arrives now is kept and sent on resume.", { undo: () => void attempt(() => resume(endpoint.id).then(reload)) });
        await reload();
      }}>Pause</Action>
    );
  }
  return (
    <>
      <Action icon="play" class="primary" run={async () => {
        await resume(endpoint.id);
        say("Resumed. What had arrived meanwhile is being sent.", { undo: () => void attempt(() => pause(endpoint.id).then(reload)) });
        await reload();
      }}>Resume</Action>
      {endpoint.type === "WEB_HOOK" && (
        <Confirmed label="Resume without what waits" title="Resume and discard what waits?" icon="trash" danger run={async () => {
          await call(ResumeEndpoints, { ids: [endpoint.id], discardWaiting: true });
          say("Resumed. What waited is discarded; new events are sent.");
          await reload();
        }}>
          <p>What arrived meanwhile is not sent: those deliveries are discarded. The events stay, and can be sent again under Settings.</p>
        </Confirmed>
      )}
    </>
  );
}

export function TestResult({ result }: { result: TestEndpointAnswer["testEndpoint"] }) {
  if (!result) return null;
  const good = result.statusCode !== null && result.statusCode >= 200 && result.statusCode < 300;
  return (
    <Message kind={good ? "good" : "bad"}>
      <p><strong>{good ? "The test event was delivered." : "The test event was not delivered."}</strong></p>
      <p>{result.statusCode !== null ? `Status ${result.statusCode} in ${duration(result.durationMs)}.` : ""} {result.error && <Text value={result.error} />}</p>
      {result.responseBody && <pre class="wrap small"><Text value={result.responseBody.slice(0, 1000)} /></pre>}
    </Message>
  );
}

function Overview({ endpoint, health }: { endpoint: Endpoint; health: Health }) {
  const [result, setResult] = useState<TestEndpointAnswer["testEndpoint"]>(null);
  const webhook = endpoint.type === "WEB_HOOK";
  const { attempts, successRate, p50Ms, p95Ms, complete, lastSuccessDate } = health.lastHour;
  const lane = laneSentence(health);
  const time = (milliseconds: number | null) => (milliseconds === null ? "–" : duration(milliseconds));
  return (
    <>
      {health.failingSince && endpoint.status === "ENABLED" && (
        <div style={{ marginBottom: "1rem" }}>
          <Message kind="warn">
            <p>Nothing succeeded since <Time at={health.failingSince} exact />.{health.disableDate && <> It is disabled on <Time at={health.disableDate} exact /> unless a delivery succeeds before.</>}</p>
            <p><a href={link(["changes"], { since: health.failingSince })}>What was changed since it last worked</a></p>
          </Message>
        </div>
      )}
      {lane && endpoint.status === "ENABLED" && <div style={{ marginBottom: "1rem" }}><Message kind="warn"><p>{lane}</p></Message></div>}
      {webhook && (attempts > 0 || health.waiting > 0) && (
        <div class="stats" role="group" aria-label="The last hour">
          <Stat label={complete ? "attempts in the last hour" : "attempts, of the newest 100 deliveries"} number={attempts} />
          <Stat label="succeeded" number={successRate === null ? "–" : `${(Math.floor(successRate * 1000) / 10).toLocaleString("en")} %`} />
          <Stat label="half answered within" number={time(p50Ms)} />
          <Stat label="95 % answered within" number={time(p95Ms)} />
          <Stat label="in its backlog" number={health.waiting >= MOST_COUNTED ? `${MOST_COUNTED.toLocaleString("en")} or more` : health.waiting} />
          <Stat label="last success" number={lastSuccessDate ? relative(lastSuccessDate, Date.now()) : "–"} />
        </div>
      )}
      <div class="columns">
        <section class="panel">
          <header>
            <h2>About</h2>
            <a class="small" href={changesOf(endpoint.id)}>Its changes</a>
            {webhook && <Action icon="send" run={async () => setResult((await call(TestEndpoint, { id: endpoint.id })).testEndpoint)}>Send a test event</Action>}
          </header>
          <div class="body">
            {result && <TestResult result={result} />}
            <dl class="facts">
              {endpoint.description && <><dt>Description</dt><dd><Text value={endpoint.description} /></dd></>}
              <dt>Id</dt><dd><Id value={endpoint.id} /></dd>
              {endpoint.key && <><dt>Key</dt><dd><Id value={endpoint.key} what="key" /></dd></>}
              {Object.keys(labelsOf(endpoint)).length > 0 && <><dt>Labels</dt><dd><Labels of={endpoint} /></dd></>}
              <dt>Type</dt><dd>{webhook ? "Webhook" : "WebSocket"}</dd>
              {webhook && <><dt>Sent to</dt><dd>{address(endpoint)}</dd></>}
              <dt>Receives</dt>
              <dd>{endpoint.eventFilters.length === 0 ? "every event of the workspace" : (
                <span class="tags">{endpoint.eventFilters.map((one) => <a key={one.id} class="tag" href={link(["filters", one.id])}><Text value={one.name} /></a>)}</span>
              )}</dd>
              <dt>Created</dt><dd><Time at={endpoint.creationDate} exact /></dd>
              <dt>Changed</dt><dd><Time at={endpoint.lastModified} exact /></dd>
            </dl>
          </div>
        </section>
        {webhook ? (
          <section aria-label="Latest deliveries">
            <DeliveryList filters={{ endpointId: { exact: endpoint.id } }} withEndpoint={false} brief />
          </section>
        ) : <Receiving endpoint={endpoint} />}
      </div>
    </>
  );
}

/** Who is connected to a socket endpoint. */
function Connections({ endpoint }: { endpoint: Endpoint }) {
  const pages = usePages<OpenConnection>(
    async (first, after) => {
      const found = (await call(OpenConnections, { id: endpoint.id, first, after })).endpoint?.connections;
      return found ?? { collectionItems: [], endCursor: null, hasNextPage: false };
    },
    endpoint.id,
    { every: 5 },
  );
  if (pages.error && pages.items.length === 0) return <Failed error={pages.error} again={pages.reload} />;
  if (pages.first) return <Loading what="connections" />;
  if (pages.items.length === 0) {
    return (
      <Empty title="Nobody is connected" icon="live">
        <p>Events are kept for a day. A program that connects gets them from where it was.</p>
        <a class="button" href={link(["endpoints", endpoint.id], { tab: "receive" })}>How to connect</a>
      </Empty>
    );
  }
  return (
    <>
      <ul class="rows" aria-label="Open connections" style={{ "--columns": "minmax(0, 1.5fr) minmax(0, 2fr) auto" }}>
        {pages.items.map((one) => (
          <li key={one.id}>
            <div>
              <div class="name">{one.tokenName ? <Text value={one.tokenName} /> : "without a named token"}</div>
              <div class="muted small">connected <Time at={one.connectionDate} /></div>
            </div>
            <div class="small wide">
              <div>{one.behind === 0 ? "has every event" : `${one.behind.toLocaleString("en")} ${one.behind === 1 ? "event" : "events"} behind`}, sequence {one.sequence.toLocaleString("en")}</div>
              <div class="muted">{one.failingSince ? <>takes nothing since <Time at={one.failingSince} /></> : one.batched ? "takes arrays of events" : "takes events one by one"}</div>
            </div>
            <Action run={async () => {
              await call(CloseConnections, { ids: [one.id] });
              say("Closed within a few seconds. The client may connect again, and misses nothing.");
              await pages.reload();
            }}>Close</Action>
          </li>
        ))}
      </ul>
      <More pages={pages} />
    </>
  );
}

function Filters({ endpoint, reload }: Part) {
  const linked = endpoint.eventFilters;
  const unlink = async (eventFiltersId: string) => { await call(UnlinkEndpoints, { endpointIds: [endpoint.id], eventFiltersId }); await reload(); };
  const linkTo = async (eventFiltersId: string) => { await call(LinkEndpoints, { endpointIds: [endpoint.id], eventFiltersId }); await reload(); };
  return (
    <section class="panel">
      <header><h2>Linked event filters</h2><a class="button" href={link(["new-filter"], { endpoint: endpoint.id })}><Icon name="plus" />New filter</a></header>
      <div class="body">
        {linked.length === 0 ? <p class="muted">None: this endpoint receives every event of the workspace. Link a filter, and it receives what the filter matches.</p> : (
          <>
            <p class="muted small">It receives what any of them matches.</p>
            <Rows label="Linked event filters" columns="minmax(0, 1fr) minmax(0, 2fr) auto" items={linked} row={(one, index) => (
              <li key={one.id} {...place(index, linked.length)}>
                <a class="cover name" href={link(["filters", one.id])}><Text value={one.name} /></a>
                <div class="small mono line wide muted"><Text value={JSON.stringify(one.meta).slice(0, 300)} /></div>
                <div class="end"><Action class="tiny above" aria-label={`Unlink ${one.name}`} run={async () => {
                  await unlink(one.id);
                  say(linked.length === 1 ? "Unlinked. With no filter the endpoint receives every event." : "Unlinked.", { undo: () => void attempt(() => linkTo(one.id)) });
                }}>Unlink</Action></div>
              </li>
            )} />
          </>
        )}
        <Field label="Link an event filter">
          {(attributes) => <FilterChoice {...attributes} value="" none="Choose an event filter" without={linked.map((one) => one.id)} change={(id) => id && void attempt(async () => {
            await linkTo(id);
            say("Linked. It applies to what is published from now on.", { undo: () => void attempt(() => unlink(id)) });
          })} />}
        </Field>
      </div>
    </section>
  );
}

function Secret({ endpoint }: { endpoint: Endpoint }) {
  const [secret, setSecret] = useState<string | null>(null);
  const [rotating, setRotating] = useState(false);
  const [grace, setGrace] = useState(86_400);
  return (
    <section class="panel">
      <header><h2>Signing secret</h2></header>
      <div class="body">
        <p class="muted">Each request is signed with it, so that your receiver can tell ours from others.</p>
        {secret === null
          ? <div class="actions"><Action icon="eye" run={async () => setSecret((await call(EndpointSecret, { id: endpoint.id })).endpointSecret)}>Show the secret</Action></div>
          : <><Code text={secret} what="secret" wrap /><div class="actions"><button type="button" onClick={() => setSecret(null)}>Hide</button></div></>}
        <div class="actions"><button type="button" onClick={() => setRotating(true)}><Icon name="retry" />Replace the secret</button></div>
        {rotating && (
          <Dialog title="Replace the secret" close={() => setRotating(false)}>
            <p>A new secret signs from now on. The old one signs too until the grace period is over, so change your receiver within it.</p>
            <Field label="Grace period">
              {(attributes) => (
                <select {...attributes} value={String(grace)} onChange={(event) => setGrace(Number(event.currentTarget.value))}>
                  <option value="0">none: the old secret is known to others</option>
                  <option value="3600">an hour</option>
                  <option value="86400">a day</option>
                  <option value="604800">a week</option>
                </select>
              )}
            </Field>
            <div class="actions">
              <Action class="primary" run={async () => {
                setSecret((await call(RotateEndpointSecret, { id: endpoint.id, gracePeriodSeconds: grace })).rotateEndpointSecret);
                setRotating(false);
                say("Replaced. The new secret is shown.");
              }}>Replace</Action>
              <button type="button" onClick={() => setRotating(false)}>Cancel</button>
            </div>
          </Dialog>
        )}
      </div>
    </section>
  );
}

function Settings({ endpoint, reload }: Part) {
  const meta = endpoint.meta as { url?: string; method?: string };
  const [name, setName] = useState(endpoint.name);
  const [url, setUrl] = useState(meta.url ?? "");
  const [method, setMethod] = useState(meta.method ?? "POST");
  const [key, setKey] = useState(endpoint.key ?? "");
  const [description, setDescription] = useState(endpoint.description ?? "");
  const [labels, setLabels] = useState(Object.entries(labelsOf(endpoint)).map((pair) => pair.join("=")).join(", "));
  const [error, setError] = useState<ApiError | null>(null);
  const webhook = endpoint.type === "WEB_HOOK";
  return (
    <>
      <form class="form" noValidate onSubmit={(event) => event.preventDefault()}>
        <Field label="Name">{(attributes) => <input {...attributes} value={name} onInput={(event) => setName(event.currentTarget.value)} />}</Field>
        {webhook && (
          <>
            <Field label="URL">{(attributes) => <input {...attributes} type="url" value={url} onInput={(event) => setUrl(event.currentTarget.value)} />}</Field>
            <Field label="Method">
              {(attributes) => (
                <select {...attributes} value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
                  {["POST", "PUT", "PATCH"].map((one) => <option key={one}>{one}</option>)}
                </select>
              )}
            </Field>
          </>
        )}
        <Field label="Description" hint="For people.">
          {(attributes) => <input {...attributes} value={description} maxLength={1024} onInput={(event) => setDescription(event.currentTarget.value)} />}
        </Field>
        <Field label="Labels" hint="Pairs such as team=shop, stage=test. Lists can be searched by them.">
          {(attributes) => <input {...attributes} value={labels} onInput={(event) => setLabels(event.currentTarget.value)} />}
        </Field>
        <Field label="Key" hint="Your own id for it: no other endpoint of the workspace has it.">
          {(attributes) => <input {...attributes} value={key} maxLength={128} onInput={(event) => setKey(event.currentTarget.value)} />}
        </Field>
        {error && <Problems error={error} />}
        <div class="actions">
          <Action class="primary" run={async () => {
            setError(null);
            const marks = { key, description, labels: pairs(labels) };
            const before = { id: endpoint.id, name: endpoint.name, key: endpoint.key ?? "", description: endpoint.description ?? "", labels: endpoint.labels, ...(webhook ? { url: meta.url ?? null, method: meta.method ?? null } : {}) };
            try {
              await call(UpdateEndpoint, { id: endpoint.id, name, ...marks, ...(webhook ? { url, method } : {}) });
            } catch (failure) {
              if (!(failure instanceof ApiError) || failure.fault === "signed-out") throw failure;
              setError(failure);
              return;
            }
            say("Saved.", { undo: () => void attempt(() => call(UpdateEndpoint, before).then(reload)) });
            void attempt(() => endpointNames.want(true));
            await reload();
          }}>Save</Action>
        </div>
      </form>
      <Replay endpoint={endpoint} />
      <section class="panel" style={{ marginTop: "1.5rem", maxWidth: "46rem" }}>
        <header><h2>Delete</h2></header>
        <div class="body">
          <p class="muted">Its links and open sockets end with it, and what waits for it is discarded.</p>
          <div class="actions">
            <Confirmed label="Delete the endpoint" title="Delete this endpoint?" icon="trash" danger run={async () => {
              await call(DeleteEndpoints, { ids: [endpoint.id] });
              void attempt(() => endpointNames.want(true));
              say("Deleted.");
              go(["endpoints"]);
            }}><p>This cannot be undone. <Text value={endpoint.name} /> gets nothing any more.</p></Confirmed>
          </div>
        </div>
      </section>
    </>
  );
}
