import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { call } from "../api/client";
import { OneDelivery, OneEndpoint, RetryDeliveries, type Attempt, type Delivery, type Endpoint, type Event, type Json } from "../api/documents";
import { useQuery } from "../api/query";
import { quoted } from "../parts/api-button";
import { Action } from "../parts/controls";
import { EndpointName } from "../parts/endpoint-name";
import { JsonTree } from "../parts/json";
import { Head } from "../parts/page";
import { Empty, Failed, Loading, Message } from "../parts/states";
import { Status } from "../parts/status";
import { Code, duration, Id, Next, Text, Time } from "../parts/text";
import { say } from "../state/notices";
import { link } from "../state/route";

export function DeliveryScreen({ id }: { id: string }) {
  const query = useQuery(OneDelivery, { id }, { every: 5 });
  const delivery = query.answer?.delivery;
  const crumb = { text: "Deliveries", href: link(["deliveries"]) };
  if (query.error && !delivery) return <><Head title="Delivery" name="Delivery" crumb={crumb} /><Failed error={query.error} again={query.reload} /></>;
  if (!query.answer) return <><Head title="Delivery" name="Delivery" crumb={crumb} /><Loading what="the delivery" /></>;
  if (!delivery) return <><Head title="Delivery" name="Delivery" crumb={crumb} /><Empty title="There is no such delivery"><p>Deliveries are kept as long as their events.</p></Empty></>;
  return (
    <>
      <Head title={<>Delivery <Status of={delivery.status} /></>} name="Delivery" crumb={crumb}
        actions={delivery.status === "FAILED" && (
          <Action icon="retry" class="primary" run={async () => {
            await call(RetryDeliveries, { ids: [delivery.id] });
            say("The delivery is started again.");
            await query.reload();
          }}>Retry</Action>
        )}>
        <EndpointName id={delivery.endpointId} name={delivery.endpoint?.name} above={false} />
      </Head>
      <Outcome delivery={delivery} />
      <Attempts delivery={delivery} event={delivery.event} />
    </>
  );
}

function Outcome({ delivery }: { delivery: Delivery }) {
  return (
    <section class="panel">
      <div class="body">
        <dl class="facts">
          <dt>Event</dt><dd><a href={link(["events", delivery.eventId])}><Text value={delivery.eventId} /></a></dd>
          <dt>Endpoint</dt><dd><EndpointName id={delivery.endpointId} name={delivery.endpoint?.name} above={false} /></dd>
          <dt>Began</dt><dd><Time at={delivery.creationDate} exact /></dd>
          {delivery.nextAttemptDate && <><dt>Next attempt</dt><dd><Time at={delivery.nextAttemptDate} exact />, <Next at={delivery.nextAttemptDate} /></dd></>}
          <dt>Id</dt><dd><Id value={delivery.id} /></dd>
        </dl>
      </div>
    </section>
  );
}

function Attempts({ delivery, event }: { delivery: Delivery; event: Event | null }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const endpoint = useQuery(OneEndpoint, { id: delivery.endpointId });
  const attempt = delivery.attempts.find((one) => one.number === chosen) ?? delivery.attempts.at(-1);
  if (!attempt) return <section class="panel"><div class="body"><p class="muted">Not tried yet{delivery.status === "PENDING" ? ": it waits for the endpoint." : "."}</p></div></section>;
  return (
    <section class="panel">
      <header>
        <h2>Attempts</h2>
        <div class="actions" role="group" aria-label="Attempt">
          {delivery.attempts.map((one) => (
            <button key={one.number} type="button" class={one === attempt ? "tiny primary" : "tiny"} aria-pressed={one === attempt} onClick={() => setChosen(one.number)}>{one.number}</button>
          ))}
        </div>
      </header>
      <div class="body">
        <OneAttempt attempt={attempt} />
        <Request endpoint={endpoint.answer?.endpoint ?? null} event={event} />
      </div>
    </section>
  );
}

export function OneAttempt({ attempt }: { attempt: Attempt }) {
  const good = attempt.statusCode !== null && attempt.statusCode >= 200 && attempt.statusCode < 300;
  return (
    <>
      <Message kind={good ? "good" : "bad"}>
        <p><strong>{attempt.statusCode === null ? "No answer" : `Status ${attempt.statusCode}`}</strong> after {duration(attempt.durationMs)}, <Time at={attempt.date} exact /></p>
        {attempt.error && <p><Text value={attempt.error} /></p>}
      </Message>
      {attempt.url && <p class="small">Sent to <code class="user-text"><Text value={attempt.url} /></code></p>}
      <Headers of={attempt.responseHeaders} />
      {attempt.responseBody ? <Code title="Response" text={attempt.responseBody} wrap what="response" /> : <p class="muted">The response had no body.</p>}
    </>
  );
}

/** A list of names and values, as they came. */
function Headers({ of }: { of: Json }) {
  const pairs = Array.isArray(of) ? of.filter((one): one is Json[] => Array.isArray(one) && one.length === 2) : [];
  if (pairs.length === 0) return null;
  return (
    <details class="small">
      <summary>{pairs.length} response {pairs.length === 1 ? "header" : "headers"}</summary>
      <dl class="facts" style={{ marginTop: "0.5rem" }}>
        {pairs.map(([name, value], index) => <Fragment key={index}><dt><Text value={String(name)} /></dt><dd><code><Text value={String(value)} /></code></dd></Fragment>)}
      </dl>
    </details>
  );
}

/** The request's body is the event. The headers with the signature differ in each attempt, and are made with the secret. */
function Request({ endpoint, event }: { endpoint: Endpoint | null; event: Event | null }) {
  if (!event) return <p class="muted">The event's retention is over, so the request cannot be shown any more.</p>;
  const meta = (endpoint?.meta ?? {}) as { url?: string; method?: string };
  const { id, type, date, data, agentId, cameraId, workspaceId, creationDate, lastModified } = event;
  const body = { id, type, date, data, agentId, cameraId, workspaceId, creationDate, lastModified };
  const command = `curl -i -X ${meta.method ?? "POST"} ${quoted(meta.url ?? "<url>")} -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`;
  return (
    <>
      <h3>Request</h3>
      <JsonTree value={body} label="request body" />
      {endpoint && <Code title="The same body with curl, unsigned" text={command} wrap what="curl command" />}
    </>
  );
}
