import { useState } from "preact/hooks";
import { call } from "../api/client";
import { Deliveries, RetryDeliveries, type Delivery, type DeliveryFilters, type DeliveryStatus } from "../api/documents";
import { usePages } from "../api/query";
import { Action, Field, Later, More } from "../parts/controls";
import { EndpointChoice } from "../parts/choices";
import { EndpointName } from "../parts/endpoint-name";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { bounds, SpanField, useSpan } from "../parts/span";
import { Empty, Failed, Loading } from "../parts/states";
import { Status } from "../parts/status";
import { Next, Text, Time } from "../parts/text";
import { TypeField } from "../parts/type-field";
import { say } from "../state/notices";
import { link, route, setQuery } from "../state/route";
import { CancelAll, RetryAll } from "./deliveries-in-bulk";

const STATUSES: { value: DeliveryStatus; text: string }[] = [
  { value: "PENDING", text: "Pending" }, { value: "DELIVERED", text: "Delivered" }, { value: "FAILED", text: "Failed" }, { value: "DISCARDED", text: "Discarded" },
];

/** Ids that one call takes. */
const PER_CALL = 100;

export function DeliveriesScreen() {
  const query = route.value.query;
  const status = query.get("status") as DeliveryStatus | null;
  const endpoint = query.get("endpoint");
  const event = query.get("event");
  const code = query.get("code");
  const type = query.get("type");
  const creationDate = bounds(useSpan());
  const filters: DeliveryFilters = {
    ...(status ? { status: { exact: status } } : {}),
    ...(endpoint ? { endpointId: { exact: endpoint } } : {}),
    ...(event ? { eventId: { exact: event } } : {}),
    ...(code && /^\d{3}$/.test(code) ? { statusCode: { exact: Number(code) } } : {}),
    ...(type ? { eventType: { exact: type } } : {}),
    ...(creationDate ? { creationDate } : {}),
  };
  return (
    <>
      <Head title="Deliveries" name="Deliveries" actions={<><a class="button" href={link(["jobs"])}>Jobs</a><CancelAll filters={filters} /><RetryAll filters={filters} /></>}>Each event on its way to each webhook, with every attempt.</Head>
      <div class="filters">
        <Field label="Status">
          {(attributes) => (
            <select {...attributes} value={status ?? ""} onChange={(change) => setQuery({ status: change.currentTarget.value || null })}>
              <option value="">All statuses</option>
              {STATUSES.map((one) => <option key={one.value} value={one.value}>{one.text}</option>)}
            </select>
          )}
        </Field>
        <SpanField label="Accepted" any="At any time" />
        <Field label="Endpoint">
          {(attributes) => <EndpointChoice {...attributes} value={endpoint ?? ""} none="All endpoints" change={(value) => setQuery({ endpoint: value || null })} types={["WEB_HOOK"]} />}
        </Field>
        <TypeField label="Event type" value={type ?? ""} change={(value) => setQuery({ type: value })} />
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
            <span>{failed.length === 1 ? "The one of this list that failed" : `All ${failed.length.toLocaleString("en")} of this list that failed`}</span>
          </label>
          {chosen.size > 0 && <Action icon="retry" class="primary" run={() => retry([...chosen])}>Retry {chosen.size}</Action>}
        </div>
      )}
      <Rows label="Deliveries" items={shown} row={(one, index) => (
          <li key={one.id} class={choosing ? "with-check" : ""} {...place(index, shown.length, !brief && pages.more)}>
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
              <div>{one.attempts.length} {one.attempts.length === 1 ? "attempt" : "attempts"}{one.nextAttemptDate && <>, <Next at={one.nextAttemptDate} /></>}</div>
            </div>
            <div class="end"><Status of={one.status} /></div>
          </li>
      )} />
      {brief ? null : <More pages={pages} />}
    </div>
  );
}
