import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import {
  CreateEventFilters, DeleteEventFilters, Events, LinkEndpoints, OneEvent, OneEventFilter, UnlinkEndpoints, UpdateEventFilters, type ConditionFields, type EventFilter, type EventFiltersInput, type Json,
} from "../api/documents";
import { useQuery } from "../api/query";
import { EndpointChoice } from "../parts/choices";
import { Action, attempt, Confirmed, Field } from "../parts/controls";
import { JsonTree } from "../parts/json";
import { JsonField } from "../parts/json-field";
import { jsonFault, placedFaults, type PlacedFault } from "../parts/json-places";
import { format } from "../parts/json-format";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { completePattern } from "../parts/pattern-completion";
import { Empty, Failed, Loading, Problems } from "../parts/states";
import { Status } from "../parts/status";
import { Text } from "../parts/text";
import { say } from "../state/notices";
import { go, link, route } from "../state/route";
import { SendMissed } from "./filter-missed";
import { FilterTrial } from "./filter-trial";

export function FilterScreen({ id }: { id: string | null }) {
  return id === null ? <Editor filter={null} reload={() => Promise.resolve()} /> : <Existing id={id} />;
}

function Existing({ id }: { id: string }) {
  const query = useQuery(OneEventFilter, { id });
  const filter = query.answer?.eventFilter;
  const crumb = { text: "Event filters", href: link(["filters"]) };
  if (query.error && !filter) return <><Head title="Event filter" name="Event filter" crumb={crumb} /><Failed error={query.error} again={query.reload} /></>;
  if (!query.answer) return <><Head title="Event filter" name="Event filter" crumb={crumb} /><Loading what="the event filter" /></>;
  if (!filter) return <><Head title="Event filter" name="Event filter" crumb={crumb} /><Empty title="There is no such event filter"><p>It was deleted, or belongs to another workspace.</p></Empty></>;
  return <Editor key={filter.id} filter={filter} reload={query.reload} />;
}

const LISTS: { key: keyof ConditionFields; label: string; hint: string }[] = [
  { key: "eventTypes", label: "Event types", hint: "One of these, compared without case. Separate them by commas." },
  { key: "cameraIds", label: "Camera ids", hint: "One of these." },
  { key: "agentIds", label: "Agent ids", hint: "One of these." },
  { key: "profileGroupIds", label: "Profile group ids", hint: "Somebody in identification_data is in one of these." },
];
const STARTS: { name: string; pattern: Json }[] = [
  { name: "a value", pattern: { data: { currency: ["EUR"] } } },
  { name: "a number", pattern: { data: { total: [{ numeric: [">", 100] }] } } },
  { name: "a beginning", pattern: { type: [{ prefix: "order." }] } },
  { name: "anything but", pattern: { data: { status: [{ "anything-but": ["test"] }] } } },
  { name: "present", pattern: { data: { customer: { vat: [{ exists: true }] } } } },
];

const words = (text: string): string[] => text.split(",").map((one) => one.trim()).filter(Boolean);

function Editor({ filter, reload }: { filter: EventFilter | null; reload: () => Promise<void> }) {
  const meta = (filter?.meta ?? {}) as { in?: ConditionFields; pattern?: Json };
  const endpoint = route.value.query.get("endpoint");
  const [name, setName] = useState(filter?.name ?? "");
  const [lists, setLists] = useState<Record<string, string>>(() => Object.fromEntries(LISTS.map(({ key }) => [key, (meta.in?.[key] ?? []).join(", ")])));
  const [pattern, setPattern] = useState(meta.pattern === undefined ? "" : format(meta.pattern));
  const [faults, setFaults] = useState<readonly PlacedFault[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [picked, setPicked] = useState(route.value.query.get("event") ?? "");
  const key = useRef(crypto.randomUUID());
  useEffect(() => { key.current = crypto.randomUUID(); }, [name, lists, pattern]);

  const broken = pattern.trim() ? jsonFault(pattern) : null;
  const input = (): EventFiltersInput => {
    const given = Object.fromEntries(LISTS.filter(({ key: one }) => words(lists[one] ?? "").length).map(({ key: one }) => [one, words(lists[one] ?? "")]));
    return {
      ...(Object.keys(given).length ? { in: given } : {}),
      ...(pattern.trim() ? { pattern: JSON.parse(pattern) as Json } : {}),
    };
  };

  const written = !broken && Object.keys(input()).length > 0 ? input() : null;

  const save = async (): Promise<boolean> => {
    setError(null);
    setFaults(broken ? [{ path: [], message: broken.message }] : []);
    if (broken) return false;
    const eventFiltersInput = input();
    try {
      if (filter) {
        const before = { id: filter.id, name: filter.name, eventFiltersInput: filter.meta as EventFiltersInput };
        await call(UpdateEventFilters, { id: filter.id, name, eventFiltersInput });
        say("Saved. It applies to what is published from now on.", { undo: () => void attempt(() => call(UpdateEventFilters, before).then(reload)) });
        await reload();
      } else {
        const made = (await call(CreateEventFilters, {
          ...(name.trim() ? { name: name.trim() } : {}), eventFiltersInput, idempotencyKey: key.current, ...(endpoint ? { endpointIds: [endpoint] } : {}),
        })).createEventFilters;
        say(endpoint ? "Created and linked." : "Created. Link it to the endpoints that it is for.", made ? {
          undo: () => void attempt(async () => { await call(DeleteEventFilters, { ids: [made.id] }); say("Deleted again."); go(["filters"]); }),
        } : {});
        if (made) go(endpoint ? ["endpoints", endpoint] : ["filters", made.id], endpoint ? { tab: "filters" } : {});
      }
      return true;
    } catch (failure) {
      if (!(failure instanceof ApiError) || failure.fault === "signed-out") throw failure;
      const { placed, others } = placedFaults(failure.problems, "eventFiltersInput.pattern");
      setFaults(placed);
      setError(others.length || !placed.length ? failure : null);
      return false;
    }
  };

  return (
    <>
      <Head sends={filter ? { operation: UpdateEventFilters, variables: { id: filter.id, name, eventFiltersInput: written ?? {} } } : { operation: CreateEventFilters, variables: { name: name.trim() || null, eventFiltersInput: written ?? {} } }}
        title={filter ? <Text value={filter.name} /> : "New event filter"} name={filter?.name ?? "New event filter"} crumb={{ text: "Event filters", href: link(["filters"]) }}>
        All that is given must hold: the lists and the pattern.
      </Head>
      <div class="columns">
        <form class="form sticky" noValidate onSubmit={(event) => event.preventDefault()}>
          <Field label="Name">{(attributes) => <input {...attributes} value={name} maxLength={256} onInput={(event) => setName(event.currentTarget.value)} />}</Field>
          {LISTS.slice(0, 1).map((one) => <List key={one.key} of={one} lists={lists} change={setLists} />)}
          <details open={LISTS.slice(1).some(({ key: one }) => lists[one])}>
            <summary>Cameras, agents, profile groups</summary>
            <div class="form" style={{ marginTop: "0.8rem" }}>{LISTS.slice(1).map((one) => <List key={one.key} of={one} lists={lists} change={setLists} />)}</div>
          </details>
          <div class="field">
            <span class="legend" id="starts">Start a pattern with</span>
            <div class="actions" role="group" aria-labelledby="starts">
              {STARTS.map((one) => <button key={one.name} type="button" class="tiny" onClick={() => setPattern(format(one.pattern))}>{one.name}</button>)}
            </div>
          </div>
          <JsonField label="Pattern" hint="An Amazon EventBridge event pattern over the event as delivered. Empty: no pattern." value={pattern} faults={faults}
            complete={completePattern} change={(text) => { setPattern(text); if (faults.length) setFaults([]); }} />
          {error && <Problems error={error} />}
          <div class="actions">
            <Action class="primary" run={async () => void (await save())}>{filter ? "Save" : "Create filter"}</Action>
            {filter && <SendMissed filter={filter} save={save} />}
            {filter && (
              <Confirmed label="Delete" title="Delete this event filter?" icon="trash" danger run={async () => {
                await call(DeleteEventFilters, { ids: [filter.id] });
                say("Deleted.", { undo: () => void attempt(() => makeAgain(filter)) });
                go(["filters"]);
              }}>
                <p>An endpoint that loses its last filter is disabled: it gets nothing until one is linked or a person resumes it.</p>
              </Confirmed>
            )}
          </div>
        </form>
        <div>
          <FilterTrial input={written} filter={filter} pick={setPicked} />
          <Fields id={picked} change={setPicked} pick={(path, value) => {
            if (broken) say("The pattern is no JSON now. Repair or empty it first.", { bad: true });
            else setPattern(format(withClause(pattern, path, value)));
          }} />
          {filter && <Linked filter={filter} reload={reload} />}
        </div>
      </div>
    </>
  );
}

/** A deleted filter, as it was, but for its id. An endpoint that lost its last filter with it is enabled by the link. */
async function makeAgain(filter: EventFilter): Promise<void> {
  const made = (await call(CreateEventFilters, {
    name: filter.name, eventFiltersInput: filter.meta as EventFiltersInput, endpointIds: filter.endpoints.map((one) => one.id),
    key: filter.key, description: filter.description, labels: filter.labels,
  })).createEventFilters;
  say("Made again, with its links and a new id.");
  if (made) go(["filters", made.id]);
}

/** An event whose fields are clicked into the pattern. */
function Fields({ id, change, pick }: { id: string; change: (id: string) => void; pick: (path: string[], value: Json) => void }) {
  const latest = useQuery(Events, { first: 20 });
  const chosen = useQuery(OneEvent, { id }, { skip: !id });
  const event = chosen.answer?.event;
  const all = latest.answer?.events.collectionItems ?? [];
  if (all.length === 0 && !id) return null;
  return (
    <section class="panel">
      <header><h2>Write it from an event</h2></header>
      <div class="body">
        <Field label="Event">
          {(attributes) => (
            <select {...attributes} value={id} onChange={(chosenNow) => change(chosenNow.currentTarget.value)}>
              <option value="">choose one</option>
              {id && !all.some((one) => one.id === id) && <option value={id}>{id}</option>}
              {all.map((one) => <option key={one.id} value={one.id}>{`${one.type} ${one.id}`}</option>)}
            </select>
          )}
        </Field>
        {id && event && (
          <>
            <p class="muted small">Click a value: the pattern wants it.</p>
            <JsonTree value={{ type: event.type, agentId: event.agentId, cameraId: event.cameraId, data: event.data }} label="event" pick={pick} />
          </>
        )}
      </div>
    </section>
  );
}

/** The pattern with one more value wanted at a path. Indexes are left out: a pattern wants some element of a list. */
export function withClause(text: string, path: string[], value: Json): Json {
  const parsed = JSON.parse(text || "{}") as Json;
  const top = parsed !== null && typeof parsed === "object" && !Array.isArray(parsed) ? parsed : {};
  const keys = path.filter((key) => !/^\d+$/.test(key));
  let at = top;
  for (const key of keys.slice(0, -1)) {
    const next = at[key];
    at = at[key] = next !== null && typeof next === "object" && !Array.isArray(next) ? next : {};
  }
  const last = keys.at(-1);
  if (last !== undefined) {
    const known = at[last];
    at[last] = Array.isArray(known) ? (known.some((one) => one === value) ? known : [...known, value]) : [value];
  }
  return top;
}

function List({ of, lists, change }: { of: (typeof LISTS)[number]; lists: Record<string, string>; change: (lists: Record<string, string>) => void }) {
  return (
    <Field label={of.label} hint={of.hint}>
      {(attributes) => <input {...attributes} value={lists[of.key] ?? ""} onInput={(event) => change({ ...lists, [of.key]: event.currentTarget.value })} />}
    </Field>
  );
}

function Linked({ filter, reload }: { filter: EventFilter; reload: () => Promise<void> }) {
  const change = async (endpointId: string, on: boolean) => {
    const set = async (linked: boolean) => {
      const both = { endpointIds: [endpointId], eventFiltersId: filter.id };
      await (linked ? call(LinkEndpoints, both) : call(UnlinkEndpoints, both));
      await reload();
    };
    await set(on);
    say(on ? "Linked. It applies to what is published from now on." : "Unlinked. An endpoint with no filter receives every event.", { undo: () => void attempt(() => set(!on)) });
  };
  return (
    <section class="panel">
      <header><h2>Linked endpoints</h2></header>
      <div class="body">
        {filter.endpoints.length === 0 ? <p class="muted">None yet: no event is sent because of this filter.</p> : (
          <Rows label="Linked endpoints" columns="minmax(0, 1fr) auto" items={filter.endpoints} row={(one, index) => (
            <li key={one.id} {...place(index, filter.endpoints.length)}>
              <a class="cover name" href={link(["endpoints", one.id])}><Text value={one.name} /></a>
              <div class="end actions"><Status of={one.status} /><Action class="tiny above" aria-label={`Unlink ${one.name}`} run={() => change(one.id, false)}>Unlink</Action></div>
            </li>
          )} />
        )}
        <Field label="Link an endpoint">
          {(attributes) => <EndpointChoice {...attributes} value="" none="Choose an endpoint" without={filter.endpoints.map((one) => one.id)} change={(id) => id && void attempt(() => change(id, true))} />}
        </Field>
      </div>
    </section>
  );
}
