// How an endpoint is doing, and what it is.
import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { EndpointLately, TestEndpoint, type Endpoint, type OneEndpointAnswer, type TestEndpointAnswer } from "../api/documents";
import { useQuery } from "../api/query";
import { Chart } from "../parts/chart";
import { Action } from "../parts/controls";
import { laneSentence } from "../parts/lane";
import { Receiving } from "../parts/receiving";
import { Stat } from "../parts/stat";
import { Message } from "../parts/states";
import { duration, Id, relative, Text, Time } from "../parts/text";
import { link } from "../state/route";
import { changesOf } from "./changes";
import { DeliveryList } from "./deliveries";
import { address, Labels, labelsOf } from "./endpoints";
import { countedHere, type Counts } from "./home-counts";

/** The API counts no further. */
const MOST_COUNTED = 1000;

export type Health = NonNullable<OneEndpointAnswer["endpoint"]>["health"];

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

export function Overview({ endpoint, health }: { endpoint: Endpoint; health: Health }) {
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
        <div>
          <About endpoint={endpoint} />
          {webhook && <LastHour id={endpoint.id} />}
        </div>
        {webhook ? (
          <section aria-label="Latest deliveries">
            <DeliveryList filters={{ endpointId: { exact: endpoint.id } }} withEndpoint={false} brief />
          </section>
        ) : <Receiving endpoint={endpoint} />}
      </div>
    </>
  );
}

function About({ endpoint }: { endpoint: Endpoint }) {
  const [result, setResult] = useState<TestEndpointAnswer["testEndpoint"]>(null);
  const webhook = endpoint.type === "WEB_HOOK";
  return (
    <section class="panel">
      <header>
        <h2>About</h2>
        <div class="actions">
          <a class="small" href={changesOf(endpoint.id)}>Its changes</a>
          {webhook && <Action icon="send" run={async () => setResult((await call(TestEndpoint, { id: endpoint.id })).testEndpoint)}>Send a test event</Action>}
        </div>
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
  );
}

const LOOKED_AT = 200;
const MINUTES = 60;

/** What became of the deliveries of each minute. */
function LastHour({ id }: { id: string }) {
  const end = (Math.floor(Date.now() / 60_000) + 1) * 60;
  const steps = { begin: end - MINUTES * 60, stepSeconds: 60, buckets: MINUTES };
  const query = useQuery(EndpointLately, { id, since: new Date(steps.begin * 1000).toISOString(), first: LOOKED_AT }, { every: 10 });
  const shown = useRef<Counts | null>(null);
  const page = query.answer?.deliveries;
  if (page) shown.current = countedHere(steps, [], page.collectionItems);
  const counts = shown.current;
  if (!counts || !page || page.collectionItems.length === 0) return null;
  return (
    <section class="panel">
      <header><h2>Deliveries of the last hour</h2></header>
      <div class="body">
        <Chart title="Deliveries of the last hour, by when the event was accepted" starts={counts.starts} note={page.hasNextPage ? `Of the newest ${LOOKED_AT}.` : undefined} series={[
          { label: "delivered", color: "--good", counts: counts.delivered },
          { label: "waiting", color: "--warn", counts: counts.retried },
          { label: "given up", color: "--bad", counts: counts.failed },
        ]} />
      </div>
    </section>
  );
}
