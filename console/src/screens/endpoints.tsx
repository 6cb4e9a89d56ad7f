import { call } from "../api/client";
import { Endpoints, type Endpoint, type EndpointFilters, type EndpointStatus, type EndpointType } from "../api/documents";
import { usePages } from "../api/query";
import { Field, Later, More } from "../parts/controls";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { Empty, Failed, Loading } from "../parts/states";
import { Status } from "../parts/status";
import { Text, Time } from "../parts/text";
import { link, route, setQuery } from "../state/route";
import { tailsRemoved } from "../state/tail";

const TYPES: Record<EndpointType, string> = { WEB_HOOK: "Webhook", WEB_SOCKET: "WebSocket" };

const STATES: { value: EndpointStatus; text: string }[] = [{ value: "ENABLED", text: "Enabled" }, { value: "PAUSED", text: "Paused" }, { value: "DISABLED", text: "Disabled" }];

export function EndpointsScreen() {
  const query = route.value.query;
  const [type, status, name, labels] = [query.get("type") as EndpointType | null, query.get("status") as EndpointStatus | null, query.get("name"), query.get("labels")];
  const filters: EndpointFilters = {
    ...(type ? { type: { exact: type } } : {}),
    ...(status ? { status: { exact: status } } : {}),
    ...(name ? { name: { contains: name } } : {}),
    ...(labels ? { labels: pairs(labels) } : {}),
  };
  const pages = usePages<Endpoint>(async (first, after) => {
    await tailsRemoved();
    return (await call(Endpoints, { filters, first, after })).endpoints;
  }, JSON.stringify(filters), { every: 10 });
  return (
    <>
      <Head title="Endpoints" name="Endpoints" actions={<a class="button primary" href={link(["new-endpoint"])}><Icon name="plus" />New endpoint</a>}>
        Where events are delivered: a URL of yours, or a program that connects.
      </Head>
      <div class="filters">
        <Field label="Name">
          {(attributes) => <Later {...attributes} value={name ?? ""} placeholder="a part of it" change={(value) => setQuery({ name: value })} />}
        </Field>
        <Field label="Type">
          {(attributes) => (
            <select {...attributes} value={type ?? ""} onChange={(event) => setQuery({ type: event.currentTarget.value || null })}>
              <option value="">All types</option>
              <option value="WEB_HOOK">Webhooks</option>
              <option value="WEB_SOCKET">WebSockets</option>
            </select>
          )}
        </Field>
        <Field label="Status">
          {(attributes) => (
            <select {...attributes} value={status ?? ""} onChange={(event) => setQuery({ status: event.currentTarget.value || null })}>
              <option value="">All</option>
              {STATES.map((one) => <option key={one.value} value={one.value}>{one.text}</option>)}
            </select>
          )}
        </Field>
        <Field label="Labels">
          {(attributes) => <Later {...attributes} value={labels ?? ""} placeholder="team=shop" change={(value) => setQuery({ labels: value })} />}
        </Field>
      </div>
      <EndpointList pages={pages} filtered={Object.keys(filters).length > 0} />
    </>
  );
}

/** `team=shop, stage=test` as an object. */
export function pairs(text: string): { [name: string]: string } {
  return Object.fromEntries(text.split(",").map((one) => one.trim()).filter(Boolean).map((one) => {
    const at = one.indexOf("=");
    return at === -1 ? [one, ""] : [one.slice(0, at).trim(), one.slice(at + 1).trim()];
  }));
}

export function labelsOf(endpoint: Pick<Endpoint, "labels">): { [name: string]: string } {
  const labels = endpoint.labels;
  return labels !== null && typeof labels === "object" && !Array.isArray(labels) ? (labels as { [name: string]: string }) : {};
}

export function Labels({ of }: { of: Pick<Endpoint, "labels"> }) {
  const all = Object.entries(labelsOf(of));
  if (all.length === 0) return null;
  return <span class="tags">{all.map(([name, value]) => <a key={name} class="tag above" href={link(["endpoints"], { labels: `${name}=${value}` })}><Text value={`${name}=${value}`} /></a>)}</span>;
}

function EndpointList({ pages, filtered }: { pages: ReturnType<typeof usePages<Endpoint>>; filtered: boolean }) {
  if (pages.error && pages.items.length === 0) return <Failed error={pages.error} again={pages.reload} />;
  if (pages.first) return <Loading what="endpoints" />;
  if (pages.items.length === 0 && filtered) return <Empty title="No endpoint is like this" icon="endpoints" />;
  if (pages.items.length === 0) {
    return (
      <Empty title="No endpoint yet" icon="endpoints">
        <p>Create one, send it a test event, and see the request arrive. It takes a minute.</p>
        <a class="button primary" href={link(["new-endpoint"])}><Icon name="plus" />New endpoint</a>
      </Empty>
    );
  }
  return (
    <div style={{ "--columns": "minmax(0, 2fr) 7rem minmax(0, 2fr) 7rem" }}>
      <div class="row-head" aria-hidden="true"><span>Name</span><span>Status</span><span>Receives</span><span>Created</span></div>
      <Rows label="Endpoints" items={pages.items} row={(one, index) => (
          <li key={one.id} {...place(index, pages.items.length, pages.more)}>
            <div>
              <a class="cover name" href={link(["endpoints", one.id])}><Text value={one.name} /></a>
              <div class="muted small line">{address(one)}</div>
              <Labels of={one} />
            </div>
            <div class="end"><Status of={one.status} /></div>
            <div class="wide small">
              {one.eventFilters.length === 0 ? <span class="muted">every event</span> : (
                <div class="tags">{one.eventFilters.slice(0, 3).map((filter) => <span key={filter.id} class="tag"><Text value={filter.name} /></span>)}
                  {one.eventFilters.length > 3 && <span class="muted">and {one.eventFilters.length - 3} more</span>}</div>
              )}
            </div>
            <div class="muted small wide"><Time at={one.creationDate} /></div>
          </li>
      )} />
      <More pages={pages} />
    </div>
  );
}

/** What a webhook is sent to, or that it is a socket. Never a link: it is other people's text. */
export function address(endpoint: Pick<Endpoint, "type" | "meta">) {
  if (endpoint.type === "WEB_SOCKET") return TYPES.WEB_SOCKET;
  const meta = endpoint.meta as { url?: unknown; method?: unknown };
  return <Text value={`${String(meta.method ?? "POST")} ${String(meta.url ?? "")}`} />;
}
