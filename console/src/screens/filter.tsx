import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import {
  CreateEventFilters, DeleteEventFilters, OneEventFilter, UpdateEventFilters, type ConditionFields, type EventFilter, type EventFiltersInput, type Json,
} from "../api/documents";
import { useQuery } from "../api/query";
import { Action, Confirmed, Field } from "../parts/controls";
import { JsonField } from "../parts/json-field";
import { jsonFault, placedFaults, type PlacedFault } from "../parts/json-places";
import { format } from "../parts/json-format";
import { Head } from "../parts/page";
import { completePattern } from "../parts/pattern-completion";
import { Empty, Failed, Loading, Problems } from "../parts/states";
import { Status } from "../parts/status";
import { Text } from "../parts/text";
import { say } from "../state/notices";
import { go, link, route } from "../state/route";

export function FilterScreen({ id }: { id: string | null }) {
  return id === null ? <Editor filter={null} reload={() => Promise.resolve()} /> : <Existing id={id} />;
}

function Existing({ id }: { id: string }) {
  const query = useQuery(OneEventFilter, { id });
  const filter = query.answer?.eventsFilters.collectionItems[0];
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
  const key = useRef(crypto.randomUUID());
  useEffect(() => { key.current = crypto.randomUUID(); }, [name, lists, pattern]);

  const input = (): EventFiltersInput | null => {
    const broken = pattern.trim() ? jsonFault(pattern) : null;
    if (broken) {
      setFaults([{ path: [], message: broken.message }]);
      return null;
    }
    const given = Object.fromEntries(LISTS.filter(({ key: one }) => words(lists[one] ?? "").length).map(({ key: one }) => [one, words(lists[one] ?? "")]));
    return {
      ...(Object.keys(given).length ? { in: given } : {}),
      ...(pattern.trim() ? { pattern: JSON.parse(pattern) as Json } : {}),
    };
  };

  const save = async () => {
    setError(null);
    setFaults([]);
    const eventFiltersInput = input();
    if (!eventFiltersInput) return;
    try {
      if (filter) {
        const before = { id: filter.id, name: filter.name, eventFiltersInput: filter.meta as EventFiltersInput };
        await call(UpdateEventFilters, { id: filter.id, name, eventFiltersInput });
        say("Saved. It applies to what is published from now on.", { undo: () => void call(UpdateEventFilters, before).then(reload) });
        await reload();
      } else {
        const made = (await call(CreateEventFilters, {
          ...(name.trim() ? { name: name.trim() } : {}), eventFiltersInput, idempotencyKey: key.current, ...(endpoint ? { endpointIds: [endpoint] } : {}),
        })).createEventFilters;
        say(endpoint ? "Created and linked." : "Created. Link it to the endpoints that it is for.");
        if (made) go(endpoint ? ["endpoints", endpoint] : ["filters", made.id], endpoint ? { tab: "filters" } : {});
      }
    } catch (failure) {
      if (!(failure instanceof ApiError) || failure.fault === "signed-out") throw failure;
      const { placed, others } = placedFaults(failure.problems, "eventFiltersInput.pattern");
      setFaults(placed);
      setError(others.length || !placed.length ? failure : null);
    }
  };

  return (
    <>
      <Head title={filter ? <Text value={filter.name} /> : "New event filter"} name={filter?.name ?? "New event filter"} crumb={{ text: "Event filters", href: link(["filters"]) }}>
        All that is given must hold: the lists and the pattern.
      </Head>
      <div class="columns">
        <form class="form" noValidate onSubmit={(event) => event.preventDefault()}>
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
            <Action class="primary" run={save}>{filter ? "Save" : "Create filter"}</Action>
            {filter && (
              <Confirmed label="Delete" title="Delete this event filter?" icon="trash" danger run={async () => {
                await call(DeleteEventFilters, { ids: [filter.id] });
                say("Deleted.");
                go(["filters"]);
              }}>
                <p>An endpoint that loses its last filter is disabled: it gets nothing until one is linked or a person resumes it.</p>
              </Confirmed>
            )}
          </div>
        </form>
        <div>{filter && <Linked filter={filter} />}</div>
      </div>
    </>
  );
}

function List({ of, lists, change }: { of: (typeof LISTS)[number]; lists: Record<string, string>; change: (lists: Record<string, string>) => void }) {
  return (
    <Field label={of.label} hint={of.hint}>
      {(attributes) => <input {...attributes} value={lists[of.key] ?? ""} onInput={(event) => change({ ...lists, [of.key]: event.currentTarget.value })} />}
    </Field>
  );
}

function Linked({ filter }: { filter: EventFilter }) {
  return (
    <section class="panel">
      <header><h2>Linked endpoints</h2></header>
      <div class="body">
        {filter.endpoints.length === 0 ? <p class="muted">None: open an endpoint and link it there, under Filters.</p> : (
          <ul class="rows" style={{ "--columns": "minmax(0, 1fr) auto" }}>
            {filter.endpoints.map((one) => (
              <li key={one.id}><a class="cover name" href={link(["endpoints", one.id])}><Text value={one.name} /></a><Status of={one.status} /></li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
