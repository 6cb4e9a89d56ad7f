import { useRef } from "preact/hooks";
import { call } from "../api/client";
import {
  EndpointsToLookAt, LatestDeliveries, LatestEvents, PauseEndpoints, ResumeEndpoints, Statistics, type LatestDeliveriesAnswer, type StatisticsAnswer,
} from "../api/documents";
import { useQuery } from "../api/query";
import { Action, attempt, Tabs } from "../parts/controls";
import { Chart } from "../parts/chart";
import { EndpointName } from "../parts/endpoint-name";
import { Icon } from "../parts/icon";
import { laneSentence } from "../parts/lane";
import { Head } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { Status } from "../parts/status";
import { absolute, duration, Text } from "../parts/text";
import { say } from "../state/notices";
import { link, route } from "../state/route";
import { Stat } from "./endpoint";

type LatestDelivery = LatestDeliveriesAnswer["deliveries"]["collectionItems"][number];

const SPANS = [
  { name: "hour", text: "Hour", step: "MINUTE", stepSeconds: 60, buckets: 60 },
  { name: "day", text: "Day", step: "HOUR", stepSeconds: 3600, buckets: 24 },
  { name: "weeks", text: "Two weeks", step: "DAY", stepSeconds: 86_400, buckets: 14 },
] as const;
/** Looked at for how long receivers take, and for who is in trouble. */
const LOOKED_AT = 200;
/** Counted here where the service counts nothing. */
const COUNTED_HERE = 1000;

interface Counts {
  starts: number[];
  published: number[];
  delivered: number[];
  retried: number[];
  failed: number[];
}

export function HomeScreen() {
  const span = SPANS.find((one) => one.name === route.value.query.get("span")) ?? SPANS[0];
  // A whole step, so that the question stays the same until the next one begins.
  const end = (Math.floor(Date.now() / 1000 / span.stepSeconds) + 1) * span.stepSeconds;
  const begin = end - span.buckets * span.stepSeconds;
  const [since, until] = [begin, end].map((one) => new Date(one * 1000).toISOString()) as [string, string];
  const statistics = useQuery(Statistics, { since, until, step: span.step }, { every: 5 });
  const off = statistics.answer?.statistics.counted === false;
  const deliveries = useQuery(LatestDeliveries, { limit: off ? COUNTED_HERE : LOOKED_AT }, { every: 10 });
  const events = useQuery(LatestEvents, { since, limit: off ? COUNTED_HERE : LOOKED_AT }, { every: 10 });
  const endpoints = useQuery(EndpointsToLookAt, {}, { every: 10 });
  // Another span is read while the last one is still shown.
  const counted = useRef<Counts | null>(null);
  const failure = statistics.error ?? deliveries.error ?? endpoints.error ?? events.error;
  const known = endpoints.answer;
  const head = <Head title="Home" name="Home" actions={<a class="button" href={link(["publish"])}><Icon name="send" />Publish an event</a>}>What happens to your events.</Head>;
  const all = deliveries.answer?.deliveries.collectionItems ?? [];
  if (statistics.answer && events.answer) {
    const here = countedHere(begin, span.stepSeconds, span.buckets, events.answer.events.collectionItems, all);
    counted.current = off ? here : fromStatistics(statistics.answer.statistics.points, here);
  }
  const counts = counted.current;
  if (failure && (!counts || !deliveries.answer || !known)) {
    return <>{head}<Failed error={failure} again={async () => { await Promise.all([statistics.reload(), deliveries.reload(), endpoints.reload(), events.reload()]); }} /></>;
  }
  if (!counts || !deliveries.answer || !known) return <>{head}<Loading what="the overview" /></>;
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
  const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
  const [delivered, failed] = [sum(counts.delivered), sum(counts.failed)];
  const waiting = all.filter((one) => one.status === "PENDING");
  const failing = new Set(waiting.filter((one) => one.attempts.length > 0).map((one) => one.endpointId));
  const durations = all.flatMap((one) => one.attempts.filter((attempt) => attempt.statusCode !== null).map((attempt) => attempt.durationMs)).sort((a, b) => a - b);
  const within = (share: number) => { const one = durations[Math.floor(share * durations.length)]; return one === undefined ? "–" : duration(one); };
  return (
    <>
      {head}
      <Tabs label="Span" current={span.name} tabs={SPANS.map((one) => ({ name: one.name, text: one.text, href: link([], { span: one.name === "hour" ? null : one.name }) }))} />
      <div class="stats by-four">
        <Stat label="published" number={sum(counts.published)} />
        <Stat label="delivered" number={delivered} />
        <Stat label="given up" number={failed} />
        <Stat label="success" number={delivered + failed ? `${(Math.floor((delivered / (delivered + failed)) * 1000) / 10).toLocaleString("en")} %` : "–"} />
        <Stat label="waiting now" number={waiting.length} />
        <Stat label="endpoints failing now" number={failing.size} />
        <Stat label="half answered within" number={within(0.5)} />
        <Stat label="95 % answered within" number={within(0.95)} />
      </div>
      <p class="muted small" style={{ marginBottom: "0.75rem" }}>
        {off
          ? `The operator of this stack has turned counting off: counted here are the latest ${COUNTED_HERE.toLocaleString("en")} events and deliveries.`
          : `Counts come up to a minute late. What waits, fails now, and how long answers took is of the latest ${LOOKED_AT} deliveries.`}
      </p>
      <div class="columns">
        <section class="panel">
          <header><h2>Events</h2></header>
          <div class="body"><Chart title="Events published" starts={counts.starts} series={[{ label: "published", color: "--accent", counts: counts.published }]} /></div>
        </section>
        <section class="panel">
          <header><h2>Deliveries</h2></header>
          <div class="body">
            <Chart title="Deliveries" starts={counts.starts} series={[
              { label: "delivered", color: "--good", counts: counts.delivered },
              { label: off ? "waiting" : "attempts to be made again", color: "--warn", counts: counts.retried },
              { label: "given up", color: "--bad", counts: counts.failed },
            ]} />
          </div>
        </section>
      </div>
      <NeedsYou off={[...known.disabled.collectionItems, ...known.paused.collectionItems]} deliveries={all} reload={endpoints.reload} />
    </>
  );
}

/** The service's counts are a minute late: while a workspace is young, more can be seen in its latest events and deliveries. */
function fromStatistics(points: StatisticsAnswer["statistics"]["points"], here: Counts): Counts {
  const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
  const more = (one: number[], other: number[]) => (one.length === other.length && sum(other) > sum(one) ? other : one);
  return {
    starts: points.map((one) => new Date(one.start).getTime() / 1000),
    published: more(points.map((one) => one.events), here.published),
    delivered: more(points.map((one) => one.delivered), here.delivered),
    retried: points.map((one) => one.attemptsFailed),
    failed: more(points.map((one) => one.failed), here.failed),
  };
}

function countedHere(begin: number, stepSeconds: number, buckets: number, events: { creationDate: string }[], deliveries: LatestDelivery[]): Counts {
  const starts = Array.from({ length: buckets }, (_, index) => begin + index * stepSeconds);
  const counted = (items: { creationDate: string }[]): number[] => {
    const counts = starts.map(() => 0);
    for (const one of items) {
      const index = Math.floor((new Date(one.creationDate).getTime() / 1000 - begin) / stepSeconds);
      if (index >= 0 && index < counts.length) counts[index] = (counts[index] ?? 0) + 1;
    }
    return counts;
  };
  const of = (status: string) => counted(deliveries.filter((one) => one.status === status));
  return { starts, published: counted(events), delivered: of("DELIVERED"), retried: of("PENDING"), failed: of("FAILED") };
}

interface Need {
  id: string;
  name: string | undefined;
  text: string;
  kind: "disabled" | "paused" | "failing" | "slow" | "limited";
}

const BADGES = { failing: "Failing", slow: "Slow", limited: "Limited" } as const;

function NeedsYou({ off, deliveries, reload }: {
  off: { id: string; name: string; status: string; statusReason: string | null }[];
  deliveries: LatestDelivery[];
  reload: () => Promise<void>;
}) {
  const needs: Need[] = off.map((one) => one.status === "DISABLED"
    ? { id: one.id, name: one.name, kind: "disabled", text: one.statusReason ?? "The service disabled it." }
    : { id: one.id, name: one.name, kind: "paused", text: "A person paused it. What arrives goes to its backlog." });
  const trouble = new Map<string, { endpoint: NonNullable<LatestDelivery["endpoint"]>; failed: number; trying: number }>();
  for (const one of deliveries) {
    if (!one.endpoint || (one.status !== "FAILED" && !(one.status === "PENDING" && one.attempts.length > 0))) continue;
    const counted = trouble.get(one.endpointId) ?? { endpoint: one.endpoint, failed: 0, trying: 0 };
    counted[one.status === "FAILED" ? "failed" : "trying"] += 1;
    trouble.set(one.endpointId, counted);
  }
  for (const [id, { endpoint, failed, trying }] of trouble) {
    if (needs.some((one) => one.id === id)) continue;
    const { failingSince, disableDate } = endpoint.health;
    const parts = [trying ? `${trying} ${trying === 1 ? "delivery is" : "deliveries are"} being tried again` : "", failed ? `${failed} ${failed === 1 ? "was" : "were"} given up` : ""];
    needs.push({
      id,
      name: endpoint.name,
      kind: "failing",
      text: `${failingSince ? `Nothing succeeded since ${absolute(failingSince)}: ` : ""}${parts.filter(Boolean).join(", ")}.${disableDate ? ` It is disabled on ${absolute(disableDate)} unless a delivery succeeds before.` : ""}`,
    });
  }
  const served = new Map(deliveries.flatMap((one) => (one.endpoint ? [[one.endpointId, one.endpoint] as const] : [])));
  for (const [id, endpoint] of served) {
    const sentence = laneSentence(endpoint.health);
    if (!sentence || needs.some((one) => one.id === id)) continue;
    needs.push({ id, name: endpoint.name, kind: endpoint.health.trouble === "SLOW" ? "slow" : "limited", text: sentence });
  }
  return (
    <section class="panel" style={{ marginTop: "1rem" }}>
      <header><h2>Needs you</h2></header>
      <div class="body">
        {needs.length === 0 ? <p class="muted">Nothing: every endpoint is on, and no delivery has trouble.</p> : (
          <ul class="rows" style={{ "--columns": "minmax(0, 1fr) minmax(0, 2.5fr) 7rem" }}>
            {needs.slice(0, 50).map((one) => (
              <li key={one.id}>
                <div class="name"><EndpointName id={one.id} name={one.name} /></div>
                <div class="small wide"><span class="actions">{one.kind === "disabled" || one.kind === "paused" ? <Status of={one.kind === "disabled" ? "DISABLED" : "PAUSED"} /> : <span class={`badge ${one.kind === "failing" ? "bad" : "warn"}`}><Icon name="warn" />{BADGES[one.kind]}</span>}<Text value={one.text} /></span></div>
                {one.kind !== "disabled" && one.kind !== "paused"
                  ? <a class="button above" href={link(["endpoints", one.id], { tab: "deliveries" })}>See why</a>
                  : <Action icon="play" run={async () => { await call(ResumeEndpoints, { ids: [one.id] }); say("Resumed. What had arrived meanwhile is being sent.", { undo: () => void attempt(async () => { await call(PauseEndpoints, { ids: [one.id] }); await reload(); }) }); await reload(); }}>Resume</Action>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
