// Which endpoints would gain or lose events if the filter were as it is written: those that have it, and any other one.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { CompareEndpoint, type EventFilter, type EventFiltersInput } from "../api/documents";
import { EndpointChoice } from "../parts/choices";
import { Action, Field } from "../parts/controls";
import { EndpointName } from "../parts/endpoint-name";
import { Icon } from "../parts/icon";
import { Text } from "../parts/text";
import { endpointNames } from "../state/names";
import { route } from "../state/route";

/** Each is a walk through the events. */
const AT_ONCE = 5;
const PAGES = 5;

interface Difference {
  gained: number;
  lost: number;
  examined: number;
  complete: boolean;
}

interface Compared {
  id: string;
  name: string | undefined;
}

/** @param atOnce whether the events are so few that it is not asked first. */
export function Compared({ input, filter, since, atOnce }: { input: EventFiltersInput; filter: EventFilter | null; since: string | null; atOnce: boolean }) {
  const given = filter ? null : route.value.query.get("endpoint");
  const [others, setOthers] = useState<string[]>(given ? [given] : []);
  const [wanted, setWanted] = useState(atOnce ? AT_ONCE : 0);
  const [found, setFound] = useState<ReadonlyMap<string, Difference | ApiError>>(new Map());
  const gone = useRef(false);
  useEffect(() => () => { gone.current = true; }, []);

  const linked: Compared[] = filter?.endpoints ?? [];
  const all: Compared[] = [...linked.slice(0, wanted), ...others.map((id) => ({ id, name: endpointNames.known.value.get(id)?.name }))];
  const next = all.find((one) => !found.has(one.id));
  const read = async (id: string): Promise<void> => {
    const sum: Difference = { gained: 0, lost: 0, examined: 0, complete: false };
    let after: string | null = null;
    for (let page = 0; page < PAGES && !sum.complete && !gone.current; page++) {
      const one: Awaited<ReturnType<typeof compare>> = await compare(input, id, filter?.id ?? null, since, after);
      sum.gained += one.gained ?? 0;
      sum.lost += one.lost ?? 0;
      sum.examined += one.examined;
      sum.complete = one.complete;
      after = one.endCursor;
    }
    setFound((before) => new Map(before).set(id, sum));
  };
  // One after the other: each walks through all events.
  useEffect(() => {
    if (!next) return;
    void read(next.id).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setFound((before) => new Map(before).set(next.id, error));
    });
  }, [next?.id]);

  return (
    <>
      <h3>Endpoints that would gain or lose events</h3>
      {all.length > 0 && (
        <ul class="rows" style={{ "--columns": "minmax(0, 1fr) auto" }} aria-label="Endpoints that would gain or lose events">
          {all.map((one) => (
            <li key={one.id}>
              <span class="name"><EndpointName id={one.id} name={one.name} /></span>
              <span class="end"><Shown of={found.get(one.id)} /></span>
            </li>
          ))}
        </ul>
      )}
      {linked.length > wanted && (
        <div class="actions"><Action run={() => { setWanted(wanted + AT_ONCE); return Promise.resolve(); }}>
          {wanted === 0 ? `Compare with what ${linked.length === 1 ? "its endpoint gets" : "its endpoints get"} now` : `Compare ${Math.min(AT_ONCE, linked.length - wanted)} more of ${linked.length.toLocaleString("en")}`}
        </Action></div>
      )}
      <Field label={linked.length > 0 ? "And if another endpoint had it" : "If an endpoint had it"} hint="Beside the filters that it has.">
        {(attributes) => <EndpointChoice {...attributes} value="" none="Choose an endpoint" without={all.map((one) => one.id)} change={(id) => id && setOthers([...others, id])} />}
      </Field>
    </>
  );
}

async function compare(input: EventFiltersInput, endpointId: string, replacesId: string | null, since: string | null, after: string | null) {
  return (await call(CompareEndpoint, { input: { eventFiltersInput: input, endpointId, keepOthers: true, replacesId, since, after } })).matchEvents;
}

function Shown({ of }: { of: Difference | ApiError | undefined }) {
  if (of === undefined) return <span class="muted small">Looking …</span>;
  if (of instanceof ApiError) return <span class="small"><Text value={of.message} /></span>;
  return (
    <span class="actions">
      {of.gained > 0 && <span class="badge good"><Icon name="plus" />gains {of.gained.toLocaleString("en")}</span>}
      {of.lost > 0 && <span class="badge bad"><Icon name="minus" />loses {of.lost.toLocaleString("en")}</span>}
      {of.gained + of.lost === 0 && <span class="badge">no difference</span>}
      {!of.complete && <span class="muted small">of the newest {of.examined.toLocaleString("en")}</span>}
    </span>
  );
}
