import { useMemo, useState } from "preact/hooks";
import { call } from "../api/client";
import { Deliveries, RetryAllDeliveries, RetryDeliveries, type Delivery, type DeliveryFilters, type DeliveryStatus, type RetryAllDeliveriesAnswer } from "../api/documents";
import { usePages } from "../api/query";
import { Action, attempt, Dialog, Field, Later, More } from "../parts/controls";
import { EndpointChoice, EndpointName } from "../parts/endpoint-name";
import { Head } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { Status } from "../parts/status";
import { Text, Time } from "../parts/text";
import { say } from "../state/notices";
import { link, route, setQuery } from "../state/route";

const STATUSES: { value: DeliveryStatus; text: string }[] = [
  { value: "PENDING", text: "Pending" }, { value: "DELIVERED", text: "Delivered" }, { value: "FAILED", text: "Failed" }, { value: "DISCARDED", text: "Discarded" },
];

const SPANS: { value: string; text: string; hours: number }[] = [
  { value: "1", text: "the last hour", hours: 1 }, { value: "24", text: "the last day", hours: 24 }, { value: "168", text: "the last week", hours: 168 },
];

/** When a span began: at a whole minute, so that the question stays the same while the list is read again. */
const begin = (hours: number): string => new Date(Math.floor(Date.now() / 60_000) * 60_000 - hours * 3_600_000).toISOString();

/** Ids that one call takes. */
const PER_CALL = 100;

export function DeliveriesScreen() {
  const query = route.value.query;
  const status = query.get("status") as DeliveryStatus | null;
  const endpoint = query.get("endpoint");
  const event = query.get("event");
  const code = query.get("code");
  const span = SPANS.find((one) => one.value === query.get("span"));
  const since = useMemo(() => (span ? begin(span.hours) : null), [span?.value]);
  const filters: DeliveryFilters = {
    ...(status ? { status: { exact: status } } : {}),
    ...(endpoint ? { endpointId: { exact: endpoint } } : {}),
    ...(event ? { eventId: { exact: event } } : {}),
    ...(code && /^\d{3}$/.test(code) ? { statusCode: { exact: Number(code) } } : {}),
    ...(since ? { creationDate: { gte: since } } : {}),
  };
  return (
    <>
      <Head title="Deliveries" name="Deliveries" actions={<RetryAll filters={filters} />}>Each event on its way to each webhook, with every attempt.</Head>
      <div class="filters">
        <Field label="Status">
          {(attributes) => (
            <select {...attributes} value={status ?? ""} onChange={(change) => setQuery({ status: change.currentTarget.value || null })}>
              <option value="">All statuses</option>
              {STATUSES.map((one) => <option key={one.value} value={one.value}>{one.text}</option>)}
            </select>
          )}
        </Field>
        <Field label="Accepted">
          {(attributes) => (
            <select {...attributes} value={span?.value ?? ""} onChange={(change) => setQuery({ span: change.currentTarget.value || null })}>
              <option value="">At any time</option>
              {SPANS.map((one) => <option key={one.value} value={one.value}>{one.text}</option>)}
            </select>
          )}
        </Field>
        <Field label="Endpoint">
          {({ id }) => <EndpointChoice id={id} value={endpoint ?? ""} change={(value) => setQuery({ endpoint: value || null })} types={["WEB_HOOK"]} />}
        </Field>
        <Field label="Event">
          {(attributes) => <Later {...attributes} placeholder="id" value={event ?? ""} change={(value) => setQuery({ event: value })} />}
        </Field>
        <Field label="Last answer">
          {(attributes) => <Later {...attributes} placeholder="status, such as 500" value={code ?? ""} change={(value) => setQuery({ code: value })} />}
        </Field>
      </div>
      <DeliveryList filters={filters} withEndpoint />
    </>
  );
}

/** Starts again all that were given up and fit the filters: counted first, then with its progress. */
function RetryAll({ filters }: { filters: DeliveryFilters }) {
  const [counted, setCounted] = useState<Counted | null>(null);
  const [unmatchedToo, setUnmatchedToo] = useState(false);
  const [done, setDone] = useState(0);
  const status = filters.status?.exact;
  if (status && status !== "FAILED") return null;
  const run = async (dryRun: boolean, unmatched: boolean, show: (sum: Counted) => void): Promise<Counted> => {
    const sum = { count: 0, skipped: 0 };
    let after: string | null = null;
    do {
      const answer: RetryAllDeliveriesAnswer["retryDeliveries"] = (await call(RetryAllDeliveries, { filters, after, dryRun, unmatchedToo: unmatched })).retryDeliveries;
      sum.count += answer?.count ?? 0;
      sum.skipped += answer?.skipped ?? 0;
      after = answer?.endCursor ?? null;
      show({ ...sum });
    } while (after !== null);
    return sum;
  };
  const count = async (unmatched: boolean) => {
    setDone(0);
    setUnmatchedToo(unmatched);
    const sum = await run(true, unmatched, () => undefined);
    if (sum.count + sum.skipped === 0) say("No delivery that fits these filters was given up.");
    else setCounted(sum);
  };
  return (
    <>
      <Action icon="retry" run={() => count(false)}>Retry all that failed</Action>
      {counted && (
        <Dialog title="Retry all that failed" close={() => setCounted(null)}>
          <p>{deliveries(counted.count, "that fits the filters was", "that fit the filters were")} given up. Each is started again, with all its attempts.</p>
          {counted.skipped > 0 && <p class="muted">{deliveries(counted.skipped, "is", "are")} left out: no filter of the endpoint matches the event now, or one of the two is gone.</p>}
          <label class="check">
            <input type="checkbox" checked={unmatchedToo} onChange={(event) => void attempt(() => count(event.currentTarget.checked))} />
            <span>Also events that no filter matches any more</span>
          </label>
          {done > 0 && <><progress max={counted.count} value={done} aria-label="Started again" /><p role="status">{done.toLocaleString("en")} started again</p></>}
          <div class="actions">
            <Action class="primary" disabled={counted.count === 0} run={async () => {
              const sum = await run(false, unmatchedToo, (now) => setDone(now.count));
              say(`${deliveries(sum.count, "is", "are")} started again.`);
              setCounted(null);
            }}>Retry {counted.count.toLocaleString("en")}</Action>
            <button type="button" onClick={() => setCounted(null)}>Cancel</button>
          </div>
        </Dialog>
      )}
    </>
  );
}

interface Counted {
  count: number;
  skipped: number;
}

const deliveries = (count: number, one: string, many: string): string => `${count.toLocaleString("en")} ${count === 1 ? `delivery ${one}` : `deliveries ${many}`}`;

/** The last attempt in a few words. */
export function lastAttempt(delivery: Delivery): string {
  const last = delivery.attempts.at(-1);
  if (!last) return "not tried yet";
  return last.error ?? (last.statusCode === null ? "no answer" : `status ${last.statusCode}`);
}

export function DeliveryList({ filters, withEndpoint, brief = false }: { filters: DeliveryFilters; withEndpoint: boolean; brief?: boolean }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const pages = usePages<Delivery>(
    async (first, after) => (await call(Deliveries, { filters, first, after })).deliveries,
    JSON.stringify(filters),
    { every: 5 },
  );
  if (pages.error && pages.items.length === 0) return <Failed error={pages.error} again={pages.reload} />;
  if (pages.first) return <Loading what="deliveries" />;
  if (pages.items.length === 0) {
    return (
      <Empty title="No deliveries" icon="deliveries">
        <p>{Object.keys(filters).length > (withEndpoint ? 0 : 1) ? "None fits these filters." : "Publish an event: each webhook that wants it gets a delivery."}</p>
        <a class="button" href={link(["publish"])}>Publish an event</a>
      </Empty>
    );
  }
  const shown = brief ? pages.items.slice(0, 10) : pages.items;
  const failed = shown.filter((one) => one.status === "FAILED");
  const choosing = !brief && failed.length > 0;
  const retry = async (ids: string[]) => {
    for (let at = 0; at < ids.length; at += PER_CALL) await call(RetryDeliveries, { ids: ids.slice(at, at + PER_CALL) });
    say(ids.length === 1 ? "The delivery is started again." : `${ids.length} deliveries are started again.`);
    setChosen(new Set());
    await pages.reload();
  };
  return (
    <div style={{ "--columns": `${choosing ? "1.1rem " : ""}minmax(0, 2fr) ${withEndpoint ? "minmax(0, 1.5fr) " : ""}minmax(0, 2fr) 8rem` }}>
      {choosing && (
        <div class="actions" style={{ marginBottom: "0.75rem" }}>
          <label class="check">
            <input type="checkbox" checked={chosen.size === failed.length} onChange={(event) => setChosen(new Set(event.currentTarget.checked ? failed.map((one) => one.id) : []))} />
            <span>All {failed.length} failed of this list</span>
          </label>
          {chosen.size > 0 && <Action icon="retry" class="primary" run={() => retry([...chosen])}>Retry {chosen.size}</Action>}
        </div>
      )}
      <ul class="rows" aria-label="Deliveries">
        {shown.map((one) => (
          <li key={one.id} class={choosing ? "with-check" : ""}>
            {choosing && (
              <input type="checkbox" class="above" aria-label={`Choose the delivery of ${one.eventId}`} disabled={one.status !== "FAILED"} checked={chosen.has(one.id)}
                onChange={(event) => {
                  const next = new Set(chosen);
                  if (event.currentTarget.checked) next.add(one.id);
                  else next.delete(one.id);
                  setChosen(next);
                }} />
            )}
            <div>
              <a class="cover mono line" href={link(["deliveries", one.id])}><Text value={one.eventId} /></a>
              <div class="muted small"><Time at={one.creationDate} /></div>
            </div>
            {withEndpoint && <div class="wide small"><EndpointName id={one.endpointId} name={one.endpoint?.name} /></div>}
            <div class="muted small wide">
              <div class="line"><Text value={lastAttempt(one)} /></div>
              <div>{one.attempts.length} {one.attempts.length === 1 ? "attempt" : "attempts"}{one.nextAttemptDate && <>, next <Time at={one.nextAttemptDate} /></>}</div>
            </div>
            <div class="end"><Status of={one.status} /></div>
          </li>
        ))}
      </ul>
      {brief ? null : <More pages={pages} />}
    </div>
  );
}
