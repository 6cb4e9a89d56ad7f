import { useRef } from "preact/hooks";
import { EndpointsToLookAt, GivenUpDeliveries, LatestDeliveries, LatestEvents, Statistics, WaitingDeliveries } from "../api/documents";
import { useQuery } from "../api/query";
import { Tabs } from "../parts/controls";
import { Chart } from "../parts/chart";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { Stat } from "../parts/stat";
import { Empty, Failed, Loading } from "../parts/states";
import { duration } from "../parts/text";
import { link, route } from "../state/route";
import { countedHere, durationsOf, fromStatistics, perStep, shareOf, sum, type Counts } from "./home-counts";
import { NeedsYou } from "./home-needs";

const SPANS = [
  { name: "hour", text: "Hour", words: "the last hour", step: "MINUTE", stepSeconds: 60, buckets: 60 },
  { name: "day", text: "Day", words: "the last day", step: "HOUR", stepSeconds: 3600, buckets: 24 },
  { name: "weeks", text: "Two weeks", words: "two weeks", step: "DAY", stepSeconds: 86_400, buckets: 14 },
] as const;
/** Of the span, the newest: for what is not in the service's counts yet, and for receivers in trouble. */
const LOOKED_AT = 200;
/** Instead of the service's counts, where it counts nothing. */
const COUNTED_HERE = 500;
const MOST_WAITING = 500;
const GIVEN_UP_SECONDS = 86_400;

export function HomeScreen() {
  const span = SPANS.find((one) => one.name === route.value.query.get("span")) ?? SPANS[0];
  // A whole step, so that the question stays the same until the next one begins.
  const end = (Math.floor(Date.now() / 1000 / span.stepSeconds) + 1) * span.stepSeconds;
  const begin = end - span.buckets * span.stepSeconds;
  const [since, until, lately] = [begin, end, Math.floor(Date.now() / 60_000) * 60 - GIVEN_UP_SECONDS].map((one) => new Date(one * 1000).toISOString()) as [string, string, string];
  const statistics = useQuery(Statistics, { since, until, step: span.step }, { every: 5 });
  const off = statistics.answer?.statistics.counted === false;
  const latest = useQuery(LatestDeliveries, { since, first: off ? COUNTED_HERE : LOOKED_AT }, { every: 10 });
  const events = useQuery(LatestEvents, { since, first: off ? COUNTED_HERE : LOOKED_AT }, { every: 10 });
  const waiting = useQuery(WaitingDeliveries, { first: MOST_WAITING }, { every: 10 });
  const givenUp = useQuery(GivenUpDeliveries, { since: lately, first: LOOKED_AT }, { every: 10 });
  const endpoints = useQuery(EndpointsToLookAt, {}, { every: 10 });
  const all = [statistics, latest, events, waiting, givenUp, endpoints];
  // Another span is read while the last one is still shown.
  const shown = useRef<{ counts: Counts; half: number | null; most: number | null } | null>(null);
  const failure = all.find((one) => one.error)?.error;
  const known = endpoints.answer;
  const head = <Head title="Home" name="Home" actions={<a class="button" href={link(["publish"])}><Icon name="send" />Publish an event</a>}>What happens to your events.</Head>;

  if (statistics.answer && events.answer && latest.answer) {
    const deliveries = latest.answer.deliveries.collectionItems;
    const here = countedHere({ begin, stepSeconds: span.stepSeconds, buckets: span.buckets }, events.answer.events.collectionItems, deliveries);
    const { points, p50Ms, p95Ms } = statistics.answer.statistics;
    const durations = durationsOf(deliveries);
    shown.current = {
      counts: off ? here : fromStatistics(points, here),
      half: p50Ms ?? shareOf(durations, 0.5),
      most: p95Ms ?? shareOf(durations, 0.95),
    };
  }
  if (failure && !(shown.current && waiting.answer && givenUp.answer && known)) {
    return <>{head}<Failed error={failure} again={async () => { await Promise.all(all.map((one) => one.reload())); }} /></>;
  }
  if (!shown.current || !waiting.answer || !givenUp.answer || !known) return <>{head}<Loading what="the overview" /></>;
  if (known.any.collectionItems.length === 0 && known.published.collectionItems.length === 0) {
    return (
      <>
        {head}
        <Empty title="Welcome" icon="endpoints">
          <p>An endpoint says where events go. Create one, publish an event, and watch it arrive.</p>
          <div class="actions"><a class="button primary" href={link(["new-endpoint"])}><Icon name="plus" />New endpoint</a><a class="button" href={link(["live"])}><Icon name="live" />Watch live</a></div>
        </Empty>
      </>
    );
  }

  const { counts, half, most } = shown.current;
  const [delivered, failed] = [sum(counts.delivered), sum(counts.failed)];
  const pending = waiting.answer.deliveries.collectionItems;
  const more = waiting.answer.deliveries.hasNextPage;
  const failing = new Set(pending.filter((one) => one.attempts.length > 0).map((one) => one.endpointId));
  const within = perStep({ begin, stepSeconds: span.stepSeconds, buckets: span.buckets }, pending);
  const older = pending.length - sum(within);
  const orMore = (count: number) => (more ? `${count.toLocaleString("en")} or more` : count);
  const time = (milliseconds: number | null) => (milliseconds === null ? "–" : duration(milliseconds));
  return (
    <>
      {head}
      <Tabs label="Span" current={span.name} tabs={SPANS.map((one) => ({ name: one.name, text: one.text, href: link([], { span: one.name === "hour" ? null : one.name }) }))} />
      <div class="stats by-four">
        <Stat label="events published" number={sum(counts.published)} />
        <Stat label="delivered" number={delivered} />
        <Stat label="given up" number={failed} bad={failed > 0} />
        <Stat label="success" number={delivered + failed ? `${(Math.floor((delivered / (delivered + failed)) * 1000) / 10).toLocaleString("en")} %` : "–"} />
        <Stat label="waiting now" number={orMore(pending.length)} />
        <Stat label={failing.size === 1 && !more ? "endpoint failing now" : "endpoints failing now"} number={orMore(failing.size)} bad={failing.size > 0} />
        <Stat label="half answered within" number={time(half)} />
        <Stat label="95 % answered within" number={time(most)} />
      </div>
      <NeedsYou off={[...known.disabled.collectionItems, ...known.paused.collectionItems]} waiting={pending} latest={latest.answer?.deliveries.collectionItems ?? []}
        givenUp={givenUp.answer.deliveries.collectionItems} reload={endpoints.reload} />
      <div class="columns charts">
        <section class="panel">
          <header><h2>Events published</h2></header>
          <div class="body"><Chart title="Events published" starts={counts.starts} series={[{ label: "published", color: "--accent", counts: counts.published }]} /></div>
        </section>
        <section class="panel">
          <header><h2>Deliveries to webhooks</h2></header>
          <div class="body">
            <Chart title="Deliveries to webhooks" starts={counts.starts} series={[
              { label: "delivered", color: "--good", counts: counts.delivered },
              { label: off ? "waiting" : "failed attempts, tried again", color: "--warn", counts: counts.retried },
              { label: "given up", color: "--bad", counts: counts.failed },
            ]} />
          </div>
        </section>
        <section class="panel">
          <header><h2>Waiting now</h2></header>
          <div class="body">
            <Chart title="Deliveries that wait now, by when their event was accepted" starts={counts.starts}
              series={[{ label: "waiting, by when the event was accepted", color: "--warn", counts: within }]}
              note={more ? `The newest ${MOST_WAITING.toLocaleString("en")} are looked at.` : older > 0 ? `And ${older.toLocaleString("en")} older.` : undefined} />
          </div>
        </section>
        <section class="panel">
          <header><h2>How long webhooks took to answer</h2></header>
          <div class="body">
            <Chart title="How long webhooks took to answer" lines starts={counts.starts} series={[
              { label: `half within ${time(half)}`, color: "--accent", counts: counts.half },
              { label: `95 % within ${time(most)}`, color: "--warn", counts: counts.most },
            ]} />
          </div>
        </section>
      </div>
      <p class="muted small" style={{ marginTop: "0.75rem" }}>
        {off
          ? `The operator of this stack has turned counting off. Counted here are the newest ${COUNTED_HERE} events and deliveries of ${span.words}.`
          : `Counted over ${span.words}, up to a minute late. How long answers took is rounded up to 5, 10, 20, 30, 50, 70, 100 ms and so on. Waiting deliveries and failing endpoints are counted now.${span.stepSeconds === 86_400 ? " Days are those of UTC." : ""}`}
      </p>
    </>
  );
}
