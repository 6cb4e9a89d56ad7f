import { useState } from "preact/hooks";
import { call } from "../api/client";
import {
  CloseConnections, EndpointSecret, LinkEndpoints, OneEndpoint, OpenConnections, PauseEndpoints, ResumeEndpoints, RotateEndpointSecret,
  UnlinkEndpoints, type Endpoint, type OpenConnection,
} from "../api/documents";
import { usePages, useQuery } from "../api/query";
import { FilterChoice } from "../parts/choices";
import { Action, attempt, Confirmed, Dialog, Field, More, Tabs } from "../parts/controls";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { Receiving } from "../parts/receiving";
import { place, Rows } from "../parts/rows";
import { Empty, Failed, Loading, Message } from "../parts/states";
import { Status } from "../parts/status";
import { Code, Text, Time } from "../parts/text";
import { say } from "../state/notices";
import { link, route } from "../state/route";
import { DeliveryList } from "./deliveries";
import { Overview, type Health } from "./endpoint-overview";
import { Settings } from "./endpoint-settings";
import { address } from "./endpoints";

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
