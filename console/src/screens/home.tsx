import { useMemo } from "preact/hooks";
import { call } from "../api/client";
import { EndpointsToLookAt, LatestDeliveries, LatestEvents, ResumeEndpoints, type LatestDeliveriesAnswer } from "../api/documents";
import { useQuery } from "../api/query";
import { Action, Tabs } from "../parts/controls";
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
  { name: "hour", text: "Hour", seconds: 3600, buckets: 60 },
  { name: "day", text: "Day", seconds: 86_400, buckets: 48 },
  { name: "weeks", text: "Two weeks", seconds: 14 * 86_400, buckets: 56 },
] as const;
const PAGE = 1000;

export function HomeScreen() {
  const span = SPANS.find((one) => one.name === route.value.query.get("span")) ?? SPANS[0];
  const bucket = span.seconds / span.buckets;
  // A whole bucket, so that the question stays the same until the next one begins.
  const end = Math.ceil(Date.now() / 1000 / bucket) * bucket;
  const since = end - span.seconds;
  const events = useQuery(LatestEvents, { since: new Date(since * 1000).toISOString() }, { every: 5 });
  const deliveries = useQuery(LatestDeliveries, {}, { every: 5 });
  const endpoints = useQuery(EndpointsToLookAt, {}, { every: 10 });
  const allDeliveries = deliveries.answer?.deliveries.collectionItems ?? [];
  const inSpan = allDeliveries.filter((one) => new Date(one.creationDate).getTime() / 1000 >= since);
  const published = events.answer?.events.collectionItems ?? [];
  const starts = useMemo(() => Array.from({ length: span.buckets }, (_, index) => since + index * bucket), [since, bucket]);
  const counted = (items: { creationDate: string }[]): number[] => {
    const counts = starts.map(() => 0);
    for (const one of items) {
      const index = Math.floor((new Date(one.creationDate).getTime() / 1000 - since) / bucket);
      if (index >= 0 && index < counts.length) counts[index] = (counts[index] ?? 0) + 1;
    }
    return counts;
  };
  const failure = events.error ?? deliveries.error ?? endpoints.error;
  const known = endpoints.answer;
  const head = <Head title="Home" name="Home" actions={<a class="button" href={link(["publish"])}><Icon name="send" />Publish an event</a>}>What happens to your events.</Head>;
  if (failure && (!events.answer || !deliveries.answer || !known)) return <>{head}<Failed error={failure} again={async () => { await Promise.all([events.reload(), deliveries.reload(), endpoints.reload()]); }} /></>;
  if (!events.answer || !deliveries.answer || !known) return <>{head}<Loading what="the overview" /></>;
  if (known.any.collectionItems.length === 0 && published.length === 0) {
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
  const of = (status: string) => inSpan.filter((one) => one.status === status);
  const delivered = of("DELIVERED").length;
  const ended = delivered + of("FAILED").length;
  const durations = inSpan.flatMap((one) => one.attempts.filter((attempt) => attempt.statusCode !== null).map((attempt) => attempt.durationMs)).sort((a, b) => a - b);
  const within = (share: number) => { const one = durations[Math.floor(share * durations.length)]; return one === undefined ? "–" : duration(one); };
  const cut = allDeliveries.length === PAGE && inSpan.length === PAGE;
  return (
    <>
      {head}
      <Tabs label="Span" current={span.name} tabs={SPANS.map((one) => ({ name: one.name, text: one.text, href: link([], { span: one.name === "hour" ? null : one.name }) }))} />
      <div class="stats">
        <Stat label={published.length === PAGE ? "published, at least" : "published"} number={published.length} />
        <Stat label="delivered" number={delivered} />
        <Stat label="waiting for an attempt" number={of("PENDING").length} />
        <Stat label="given up" number={of("FAILED").length} />
        <Stat label="success" number={ended ? `${(Math.floor((delivered / ended) * 1000) / 10).toLocaleString("en")} %` : "–"} />
        <Stat label="half answered within" number={within(0.5)} />
        <Stat label="95 % answered within" number={within(0.95)} />
      </div>
      {cut && <p class="muted small" style={{ marginBottom: "0.75rem" }}>Deliveries: the latest {PAGE.toLocaleString("en")} are counted.</p>}
      <div class="columns">
        <section class="panel">
          <header><h2>Events</h2></header>
          <div class="body"><Chart title="Events published" starts={starts} series={[{ label: "published", color: "--accent", counts: counted(published) }]} /></div>
        </section>
        <section class="panel">
          <header><h2>Deliveries</h2></header>
          <div class="body">
            <Chart title="Deliveries by status" starts={starts} series={[
              { label: "delivered", color: "--good", counts: counted(of("DELIVERED")) },
              { label: "pending", color: "--warn", counts: counted(of("PENDING")) },
              { label: "failed", color: "--bad", counts: counted(of("FAILED")) },
            ]} />
          </div>
        </section>
      </div>
      <NeedsYou off={[...known.disabled.collectionItems, ...known.paused.collectionItems]} deliveries={allDeliveries} reload={endpoints.reload} />
    </>
  );
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
                  : <Action icon="play" run={async () => { await call(ResumeEndpoints, { ids: [one.id] }); say("Resumed. What had arrived meanwhile is being sent."); await reload(); }}>Resume</Action>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
