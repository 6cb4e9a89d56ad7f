import { call } from "../api/client";
import { Endpoints, type Endpoint, type EndpointType } from "../api/documents";
import { usePages } from "../api/query";
import { Field, More } from "../parts/controls";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { Status } from "../parts/status";
import { Text, Time } from "../parts/text";
import { link, route, setQuery } from "../state/route";

const TYPES: Record<EndpointType, string> = { WEB_HOOK: "Webhook", WEB_SOCKET: "WebSocket" };

export function EndpointsScreen() {
  const type = route.value.query.get("type") as EndpointType | null;
  const filters = type ? { type: { exact: type } } : null;
  const pages = usePages<Endpoint>(
    async (offset, limit) => (await call(Endpoints, { filters, offset, limit })).endpoints.collectionItems,
    JSON.stringify(filters),
    { every: 10 },
  );
  return (
    <>
      <Head title="Endpoints" name="Endpoints" actions={<a class="button primary" href={link(["new-endpoint"])}><Icon name="plus" />New endpoint</a>}>
        Where events are delivered: a URL of yours, or a program that connects.
      </Head>
      <div class="filters">
        <Field label="Type">
          {(attributes) => (
            <select {...attributes} value={type ?? ""} onChange={(event) => setQuery({ type: event.currentTarget.value || null })}>
              <option value="">All types</option>
              <option value="WEB_HOOK">Webhooks</option>
              <option value="WEB_SOCKET">WebSockets</option>
            </select>
          )}
        </Field>
      </div>
      <EndpointList pages={pages} filtered={type !== null} />
    </>
  );
}

function EndpointList({ pages, filtered }: { pages: ReturnType<typeof usePages<Endpoint>>; filtered: boolean }) {
  if (pages.error && pages.items.length === 0) return <Failed error={pages.error} again={pages.reload} />;
  if (pages.first) return <Loading what="endpoints" />;
  if (pages.items.length === 0 && filtered) return <Empty title="No endpoint of this type" icon="endpoints" />;
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
      <ul class="rows" aria-label="Endpoints">
        {pages.items.map((one) => (
          <li key={one.id}>
            <div>
              <a class="cover name" href={link(["endpoints", one.id])}><Text value={one.name} /></a>
              <div class="muted small line">{address(one)}</div>
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
        ))}
      </ul>
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
