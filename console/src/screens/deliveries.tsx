import { useState } from "preact/hooks";
import { call } from "../api/client";
import { Deliveries, RetryDeliveries, type Delivery, type DeliveryFilters, type DeliveryStatus } from "../api/documents";
import { usePages } from "../api/query";
import { Action, Field, More } from "../parts/controls";
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

export function DeliveriesScreen() {
  const query = route.value.query;
  const status = query.get("status") as DeliveryStatus | null;
  const endpoint = query.get("endpoint");
  const event = query.get("event");
  const filters: DeliveryFilters = {
    ...(status ? { status: { exact: status } } : {}),
    ...(endpoint ? { endpointId: { exact: endpoint } } : {}),
    ...(event ? { eventId: { exact: event } } : {}),
  };
  return (
    <>
      <Head title="Deliveries" name="Deliveries">Each event on its way to each webhook, with every attempt.</Head>
      <div class="filters">
        <Field label="Status">
          {(attributes) => (
            <select {...attributes} value={status ?? ""} onChange={(change) => setQuery({ status: change.currentTarget.value || null })}>
              <option value="">All statuses</option>
              {STATUSES.map((one) => <option key={one.value} value={one.value}>{one.text}</option>)}
            </select>
          )}
        </Field>
        <Field label="Endpoint">
          {({ id }) => <EndpointChoice id={id} value={endpoint ?? ""} change={(value) => setQuery({ endpoint: value || null })} types={["WEB_HOOK"]} />}
        </Field>
        <Field label="Event">
          {(attributes) => <input {...attributes} placeholder="id" value={event ?? ""} onChange={(change) => setQuery({ event: change.currentTarget.value.trim() || null })} />}
        </Field>
      </div>
      <DeliveryList filters={filters} withEndpoint />
    </>
  );
}

/** The last attempt in a few words. */
export function lastAttempt(delivery: Delivery): string {
  const last = delivery.attempts.at(-1);
  if (!last) return "not tried yet";
  return last.error ?? (last.statusCode === null ? "no answer" : `status ${last.statusCode}`);
}

export function DeliveryList({ filters, withEndpoint, brief = false }: { filters: DeliveryFilters; withEndpoint: boolean; brief?: boolean }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const pages = usePages<Delivery>(
    async (offset, limit) => (await call(Deliveries, { filters, offset, limit })).deliveries.collectionItems,
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
    for (let at = 0; at < ids.length; at += 100) await call(RetryDeliveries, { ids: ids.slice(at, at + 100) });
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
            {withEndpoint && <div class="wide small"><EndpointName id={one.endpointId} /></div>}
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
