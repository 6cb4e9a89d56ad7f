import { call } from "../api/client";
import { EventFilters, type EventFilter, type EventFiltersFilters } from "../api/documents";
import { usePages } from "../api/query";
import { Field, Later, More } from "../parts/controls";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { Empty, Failed, Loading } from "../parts/states";
import { Text, Time } from "../parts/text";
import { link, route, setQuery } from "../state/route";

export function FiltersScreen() {
  const name = route.value.query.get("name");
  const unused = route.value.query.has("unused");
  const filters: EventFiltersFilters = { ...(name ? { name: { contains: name } } : {}), ...(unused ? { linked: false } : {}) };
  const filtered = name !== null || unused;
  const pages = usePages<EventFilter>(async (first, after) => (await call(EventFilters, { filters, first, after })).eventsFilters, JSON.stringify(filters), { every: 15 });
  const create = <a class="button primary" href={link(["new-filter"])}><Icon name="plus" />New filter</a>;
  return (
    <>
      <Head title="Event filters" name="Event filters" actions={create}>Which events an endpoint wants.</Head>
      <div class="filters">
        <Field label="Name">
          {(attributes) => <Later {...attributes} value={name ?? ""} placeholder="a part of it" change={(value) => setQuery({ name: value })} />}
        </Field>
        <label class="check">
          <input type="checkbox" checked={unused} onChange={(event) => setQuery({ unused: event.currentTarget.checked ? "yes" : null })} />
          <span>Linked to no endpoint</span>
        </label>
      </div>
      {pages.error && pages.items.length === 0 ? <Failed error={pages.error} again={pages.reload} /> : pages.first ? <Loading what="event filters" /> : pages.items.length === 0 && filtered ? (
        <Empty title="No event filter is like this" icon="filters" />
      ) : pages.items.length === 0 ? (
        <Empty title="No event filter yet" icon="filters">
          <p>Without one, an endpoint receives every event. A filter says which types, ids or fields it wants.</p>
          {create}
        </Empty>
      ) : (
        <div style={{ "--columns": "minmax(0, 1.3fr) minmax(0, 2fr) minmax(0, 1fr) 8rem" }}>
          <Rows label="Event filters" items={pages.items} row={(one, index) => (
              <li key={one.id} {...place(index, pages.items.length, pages.more)}>
                <div><a class="cover name" href={link(["filters", one.id])}><Text value={one.name} /></a></div>
                <div class="small mono line wide muted"><Text value={JSON.stringify(one.meta).slice(0, 300)} /></div>
                <div class="small end">{one.endpoints.length} {one.endpoints.length === 1 ? "endpoint" : "endpoints"}</div>
                <div class="muted small wide">changed <Time at={one.lastModified} /></div>
              </li>
          )} />
          <More pages={pages} />
        </div>
      )}
    </>
  );
}
