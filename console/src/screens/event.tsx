import { OneEvent, type Delivery, type Event } from "../api/documents";
import { useQuery } from "../api/query";
import { EndpointName } from "../parts/endpoint-name";
import { Icon } from "../parts/icon";
import { JsonTree } from "../parts/json";
import { Head } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { Status } from "../parts/status";
import { copy, duration, Id, Text, Time } from "../parts/text";
import { link } from "../state/route";
import { lastAttempt } from "./deliveries";

export function EventScreen({ id }: { id: string }) {
  const query = useQuery(OneEvent, { id }, { every: 5 });
  const event = query.answer?.events.collectionItems[0];
  const crumb = { text: "Events", href: link(["events"]) };
  if (query.error && !event) return <><Head title="Event" name="Event" crumb={crumb} /><Failed error={query.error} again={query.reload} /></>;
  if (!query.answer) return <><Head title="Event" name="Event" crumb={crumb} /><Loading what="the event" /></>;
  if (!event) return <><Head title="Event" name="Event" crumb={crumb} /><Empty title="There is no such event"><p>It expired, or belongs to another workspace.</p></Empty></>;
  const deliveries = query.answer.deliveries.collectionItems;
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
            <div class="body"><Destinations deliveries={deliveries} /></div>
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

function Destinations({ deliveries }: { deliveries: Delivery[] }) {
  if (deliveries.length === 0) {
    return (
      <>
        <p class="muted">No webhook has been sent this event.</p>
        <p class="muted small">Endpoints get what is published while they are linked to a filter that matches it. Sockets read it when they connect.</p>
      </>
    );
  }
  return (
    <ul class="rows" style={{ "--columns": "minmax(0, 1.5fr) minmax(0, 2fr) 7.5rem" }} aria-label="Deliveries of this event">
      {deliveries.map((one) => (
        <li key={one.id}>
          <div class="name"><EndpointName id={one.endpointId} /></div>
          <div class="muted small wide"><a class="cover" href={link(["deliveries", one.id])}><Text value={lastAttempt(one)} /></a></div>
          <div class="end"><Status of={one.status} /></div>
        </li>
      ))}
    </ul>
  );
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
          <EndpointName id={delivery.endpointId} above={false} />: {attempt.statusCode === null ? "no answer" : `status ${attempt.statusCode}`} after {duration(attempt.durationMs)}
        </>,
      };
    })),
    ...deliveries.filter((one) => one.nextAttemptDate).map((one): Step => ({ at: one.nextAttemptDate ?? "", look: "warn", text: <><EndpointName id={one.endpointId} above={false} />: next attempt</> })),
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
