import { useState } from "preact/hooks";
import { call } from "../api/client";
import {
  Destinations as DestinationsOperation, LastMatches, RetryDeliveries, type Delivery, type DeliveryOutcome, type DestinationsAnswer, type Event, type Explanation, type LastMatchesAnswer,
} from "../api/documents";
import { useQuery } from "../api/query";
import { EndpointName } from "../parts/endpoint-name";
import { Action } from "../parts/controls";
import { Icon, type IconName } from "../parts/icon";
import { JsonTree } from "../parts/json";
import { Head } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { copy, duration, Id, Sentence, Text, Time } from "../parts/text";
import { say } from "../state/notices";
import { link } from "../state/route";
import { TAIL_NAME } from "../state/tail";
import { lastAttempt } from "./deliveries";

type DestinationPage = NonNullable<DestinationsAnswer["event"]>["destinations"];

export function EventScreen({ id }: { id: string }) {
  const query = useQuery(DestinationsOperation, { id }, { every: 5 });
  const event = query.answer?.event;
  const crumb = { text: "Events", href: link(["events"]) };
  if (query.error && !event) return <><Head title="Event" name="Event" crumb={crumb} /><Failed error={query.error} again={query.reload} /></>;
  if (!query.answer) return <><Head title="Event" name="Event" crumb={crumb} /><Loading what="the event" /></>;
  if (!event) return <><Head title="Event" name="Event" crumb={crumb} /><Empty title="There is no such event"><p>It expired, or belongs to another workspace.</p></Empty></>;
  const deliveries = event.destinations.collectionItems.flatMap((one) => one.delivery ?? []);
  return (
    <>
      <Head title={<Text value={event.type} />} name={event.type} crumb={crumb} actions={
        <>
          <a class="button" href={link(["publish"], { from: event.id })}><Icon name="send" />Publish again</a>
          <button type="button" onClick={() => void copy(publishCall(event), "publish call")}><Icon name="copy" />Copy as publish call</button>
        </>
      }>
        <Time at={event.date} exact />
      </Head>
      <div class="columns">
        <div>
          <section class="panel">
            <header><h2>Where did it go</h2></header>
            <div class="body"><Destinations id={event.id} found={event.destinations} reload={query.reload} /></div>
          </section>
          <section class="panel">
            <header><h2>Time line</h2></header>
            <div class="body"><TimeLine event={event} deliveries={deliveries} /></div>
          </section>
        </div>
        <div>
          <section class="panel">
            <header><h2>Event</h2></header>
            <div class="body">
              <dl class="facts">
                <dt>Id</dt><dd><Id value={event.id} /></dd>
                <dt>Happened</dt><dd><Time at={event.date} exact /></dd>
                <dt>Accepted</dt><dd><Time at={event.creationDate} exact /></dd>
                {event.agentId && <><dt>Agent</dt><dd><Id value={event.agentId} what="agent id" /></dd></>}
                {event.cameraId && <><dt>Camera</dt><dd><Id value={event.cameraId} what="camera id" /></dd></>}
              </dl>
              <JsonTree value={event.data} label="data" />
            </div>
          </section>
        </div>
      </div>
    </>
  );
}

const OUTCOMES: Record<DeliveryOutcome, { text: string; look: string; icon: IconName }> = {
  DELIVERED: { text: "Delivered", look: "good", icon: "check" },
  LOGGED: { text: "In the log", look: "good", icon: "check" },
  WAITING: { text: "Waiting", look: "warn", icon: "clock" },
  NOT_ROUTED_YET: { text: "On its way", look: "warn", icon: "clock" },
  FAILED: { text: "Failed", look: "bad", icon: "cross" },
  DISCARDED: { text: "Discarded", look: "", icon: "trash" },
  NOT_MATCHED: { text: "Not sent", look: "", icon: "filters" },
};

function Destinations({ id, found, reload }: { id: string; found: DestinationPage; reload: () => Promise<void> }) {
  const [more, setMore] = useState<DestinationPage | null>(null);
  const all = [...found.collectionItems, ...(more?.collectionItems ?? [])];
  // An open Live screen has an endpoint of its own, which says nothing about the workspace.
  const items = all.filter((one) => !one.endpoint.name.startsWith(TAIL_NAME));
  const last = more ?? found;
  if (items.length === 0) {
    return <><p class="muted">The workspace has no endpoint that it could go to.</p><div class="actions"><a class="button" href={link(["new-endpoint"])}>New endpoint</a></div></>;
  }
  return (
    <>
      <ul class="rows" style={{ "--columns": "minmax(0, 1fr) auto" }} aria-label="Endpoints">
        {items.map((one) => <li key={one.endpoint.id}><Destination of={one} eventId={id} reload={reload} /></li>)}
      </ul>
      {last.hasNextPage && (
        <div class="more">
          <Action run={async () => {
            const page = (await call(DestinationsOperation, { id, after: last.endCursor })).event?.destinations;
            if (page) setMore({ ...page, collectionItems: [...(more?.collectionItems ?? []), ...page.collectionItems] });
          }}>Show more endpoints</Action>
        </div>
      )}
    </>
  );
}

function Destination({ of, eventId, reload }: { of: Explanation; eventId: string; reload: () => Promise<void> }) {
  const { text, look, icon } = OUTCOMES[of.outcome];
  return (
    <>
      <a class="name" href={link(["endpoints", of.endpoint.id])}><Text value={of.endpoint.name} /></a>
      <div class="end actions">
        {of.outcome === "FAILED" && of.delivery && (
          <Action class="tiny" icon="retry" aria-label={`Retry: ${of.endpoint.name}`} run={async () => {
            await call(RetryDeliveries, { ids: of.delivery ? [of.delivery.id] : [] });
            say("The delivery is started again.");
            await reload();
          }}>Retry</Action>
        )}
        <span class={`badge ${look}`}><Icon name={icon} />{text}</span>
      </div>
      <p class="small whole"><Sentence value={of.sentence} /></p>
      {(of.filters.length > 0 || of.delivery) && (
        <details class="small whole">
          <summary>Why</summary>
          <Why of={of} eventId={eventId} />
        </details>
      )}
    </>
  );
}

/** Each filter that was asked, and the clauses that did not hold. */
export function Why({ of, eventId }: { of: Explanation; eventId: string }) {
  const [last, setLast] = useState<ReadonlyMap<string, LastMatch>>(new Map());
  // The API looks through events for it, so it is asked for by a person and not with every screen.
  const look = async () => {
    const found = (await call(LastMatches, { eventId, endpointId: of.endpoint.id })).explainDelivery.filters;
    setLast(new Map(found.map((one) => [one.eventFiltersId, one.lastMatch])));
  };
  return (
    <div class="why">
      {of.delivery && <p><a href={link(["deliveries", of.delivery.id])}>Its attempts: <Text value={lastAttempt(of.delivery)} /></a></p>}
      {!of.asRouted && of.filters.length > 0 && <p class="muted">These are the filters of now: by which the event was routed is not known any more.</p>}
      <ul>
        {of.filters.map((filter) => (
          <li key={filter.eventFiltersId}>
            <span class="actions">
              <span class={filter.matched ? "badge good" : "badge"}><Icon name={filter.matched ? "check" : "cross"} />{filter.matched ? "matches" : "does not match"}</span>
              <a href={link(["filters", filter.eventFiltersId], { event: eventId })}><Text value={filter.name} /></a>
            </span>
            {filter.failed.map((clause) => <p key={clause.path} class="clause"><Sentence value={clause.sentence} /></p>)}
            {last.has(filter.eventFiltersId) && <Matched last={last.get(filter.eventFiltersId)} />}
            {filter.lastChange && <p class="muted">Last changed <Time at={filter.lastChange.date} />{filter.lastChange.actor && <> by <Text value={filter.lastChange.actor} /></>}: <Text value={filter.lastChange.sentence} /></p>}
          </li>
        ))}
      </ul>
      {of.filters.length > 0 && last.size === 0 && <div class="actions"><Action icon="clock" run={look}>When did they last match?</Action></div>}
    </div>
  );
}

type LastMatch = LastMatchesAnswer["explainDelivery"]["filters"][number]["lastMatch"];

function Matched({ last }: { last: LastMatch | undefined }) {
  if (!last) return null;
  return <p class="muted"><Sentence value={last.sentence} />{last.event && <> <a href={link(["events", last.event.id])}>That event</a></>}</p>;
}

interface Step {
  at: string;
  look: string;
  text: preact.ComponentChildren;
}

function TimeLine({ event, deliveries }: { event: Event; deliveries: Delivery[] }) {
  const steps: Step[] = [
    ...(event.date === event.creationDate ? [] : [{ at: event.date, look: "", text: "It happened" }]),
    { at: event.creationDate, look: "good", text: "Accepted" },
    ...deliveries.flatMap((delivery) => delivery.attempts.map((attempt): Step => {
      const good = attempt.statusCode !== null && attempt.statusCode >= 200 && attempt.statusCode < 300;
      return {
        at: attempt.date,
        look: good ? "good" : "bad",
        text: <>
          <EndpointName id={delivery.endpointId} name={delivery.endpoint?.name} above={false} />: {attempt.statusCode === null ? "no answer" : `status ${attempt.statusCode}`} after {duration(attempt.durationMs)}
        </>,
      };
    })),
    ...deliveries.filter((one) => one.nextAttemptDate).map((one): Step => ({ at: one.nextAttemptDate ?? "", look: "warn", text: <><EndpointName id={one.endpointId} name={one.endpoint?.name} above={false} />: next attempt</> })),
  ];
  steps.sort((a, b) => new Date(a.at).getTime() - new Date(b.at).getTime());
  const began = new Date(event.creationDate).getTime();
  return (
    <ol class="timeline">
      {steps.slice(0, 100).map((one, index) => {
        const after = new Date(one.at).getTime() - began;
        return <li key={index} class={one.look}>{one.text}<div class="muted small"><Time at={one.at} exact />{after > 0 && ` · ${duration(after)} after it was accepted`}</div></li>;
      })}
    </ol>
  );
}

/** A call that publishes the same as a new event. */
export function publishCall(event: Event): string {
  const input = { type: event.type, data: event.data, ...(event.agentId ? { agentId: event.agentId } : {}), ...(event.cameraId ? { cameraId: event.cameraId } : {}) };
  return JSON.stringify({ query: "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { ok ids } }", variables: { events: [input] } }, null, 2);
}
