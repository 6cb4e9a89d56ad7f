// What a filter would do: held against everything that is retained, while it is written.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { MatchEvents, type EventFilter, type EventFiltersInput, type MatchEventsAnswer } from "../api/documents";
import { Action, Field } from "../parts/controls";
import { Chart } from "../parts/chart";
import { Problems } from "../parts/states";
import { Sentence, Text, Time } from "../parts/text";
import { link } from "../state/route";
import { Compared } from "./filter-compared";

type Trial = MatchEventsAnswer["matchEvents"];

const PAUSE_SECONDS = 0.6;
const SPANS = [{ hours: 0, text: "everything retained" }, { hours: 1, text: "the last hour" }, { hours: 24, text: "the last day" }, { hours: 168, text: "the last week" }];

/** @param input null while what is written is not JSON, or nothing is written. */
export function FilterTrial({ input, filter, pick }: { input: EventFiltersInput | null; filter: EventFilter | null; pick: (id: string) => void }) {
  const [hours, setHours] = useState(0);
  const [trial, setTrial] = useState<{ key: string; input: EventFiltersInput; page: Trial } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const key = JSON.stringify([input, hours]);
  const latest = useRef(key);
  latest.current = key;
  /** Since when: a cursor belongs to its question. */
  const asked = useRef<string | null>(null);

  const run = async (before: Trial | null): Promise<void> => {
    if (!input) return;
    setBusy(true);
    try {
      const since = before ? asked.current : hours ? new Date(Date.now() - hours * 3_600_000).toISOString() : null;
      asked.current = since;
      const page = (await call(MatchEvents, { input: { eventFiltersInput: input, since, after: before?.endCursor ?? null } })).matchEvents;
      if (latest.current !== key) return;
      setTrial({ key, input, page: before ? joined(before, page) : page });
      setError(null);
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      if (latest.current !== key) return;
      setError(failure);
      setTrial(null);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    if (!input) {
      setTrial(null);
      setError(null);
      return undefined;
    }
    const timer = setTimeout(() => void run(null), PAUSE_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [key]);

  return (
    <section class="panel" aria-busy={busy}>
      <header><h2>What it matches</h2>{busy && <span class="muted small" role="status">Looking …</span>}</header>
      <div class="body">
        <div class="filters" style={{ marginBottom: 0 }}>
          <Field label="Among">
            {(attributes) => (
              <select {...attributes} value={String(hours)} onChange={(event) => setHours(Number(event.currentTarget.value))}>
                {SPANS.map((one) => <option key={one.hours} value={String(one.hours)}>{one.text}</option>)}
              </select>
            )}
          </Field>
        </div>
        {!input && <p class="muted">Write a type or a pattern, and see at once which events it matches.</p>}
        {error && <Problems error={error} />}
        {trial && <Result trial={trial.page} hours={hours} more={() => run(trial.page)} />}
        {trial && <Compared key={`${trial.key} ${filter?.lastModified ?? ""} ${filter?.endpoints.length ?? 0}`} input={trial.input} filter={filter} since={asked.current} atOnce={trial.page.complete} />}
        {trial && <Found key={`found ${trial.key}`} trial={trial.page} pick={pick} />}
      </div>
    </section>
  );
}

const HOUR_SECONDS = 3600;
/** The API counts a longer span by days. */
const BY_HOURS_UP_TO = 72;
const LEAST_BARS = 7;

function Result({ trial, hours, more }: { trial: Trial; hours: number; more: () => Promise<void> }) {
  const step = hours > 0 && hours <= BY_HOURS_UP_TO ? HOUR_SECONDS : 24 * HOUR_SECONDS;
  const buckets = new Map(trial.histogram.map((one) => [new Date(one.start).getTime() / 1000, one]));
  // Each hour or day up to now, also those without events.
  const now = Math.floor(Date.now() / 1000 / step) * step;
  const bars = Math.max(LEAST_BARS, 1 + Math.round((now - Math.min(now, ...buckets.keys())) / step));
  const starts = Array.from({ length: bars }, (_, index) => now - (bars - 1 - index) * step);
  return (
    <>
      <p role="status">
        <strong class="big">{trial.matched.toLocaleString("en")}</strong> of {trial.examined.toLocaleString("en")} {trial.examined === 1 ? "event matches" : "events match"}
        {!trial.complete && <span class="muted">, of the newest</span>}
      </p>
      {!trial.complete && <div class="actions"><Action run={more}>Look at older events</Action></div>}
      {trial.examined > 0 && (
        <Chart title={`Events by ${step === HOUR_SECONDS ? "hour" : "day"}`} starts={starts} series={[
          { label: "match", color: "--good", counts: starts.map((start) => buckets.get(start)?.matched ?? 0) },
          { label: `do not, by ${step === HOUR_SECONDS ? "hour" : "day"}`, color: "--strong-line", counts: starts.map((start) => { const one = buckets.get(start); return one ? one.examined - one.matched : 0; }) },
        ]} />
      )}
    </>
  );
}

const SHOWN_FIRST = 5;

/** Events that match, and those that fail in one clause. */
function Found({ trial, pick }: { trial: Trial; pick: (id: string) => void }) {
  const [matches, setMatches] = useState(SHOWN_FIRST);
  const [misses, setMisses] = useState(SHOWN_FIRST);
  return (
    <>
      {trial.matches.length > 0 && (
        <>
          <h3>Matches</h3>
          <ul class="rows" style={{ "--columns": "minmax(0, 1fr) minmax(0, 1fr) auto" }} aria-label="Events that match">
            {trial.matches.slice(0, matches).map((one) => (
              <li key={one.id}>
                <a class="name" href={link(["events", one.id])}><Text value={one.type} /></a>
                <span class="mono small muted line wide"><Text value={one.id} /></span>
                <button type="button" class="tiny end" onClick={() => pick(one.id)}>Use its fields</button>
              </li>
            ))}
          </ul>
          {trial.matches.length > matches && <div class="actions"><button type="button" class="tiny" onClick={() => setMatches(Infinity)}>Show {trial.matches.length - matches} more</button></div>}
        </>
      )}
      {trial.nearMisses.length > 0 && (
        <>
          <h3>Near misses: one clause fails</h3>
          <ul class="rows" style={{ "--columns": "minmax(0, 1fr) auto" }} aria-label="Events that fail in one clause">
            {trial.nearMisses.slice(0, misses).map((one) => (
              <li key={one.event.id}>
                <div>
                  <a class="name" href={link(["events", one.event.id])}><Text value={one.event.type} /></a> <span class="muted small"><Time at={one.event.date} /></span>
                  <p class="clause small"><Sentence value={one.clause.sentence} /></p>
                </div>
                <button type="button" class="tiny end" onClick={() => pick(one.event.id)}>Use its fields</button>
              </li>
            ))}
          </ul>
          {trial.nearMisses.length > misses && <div class="actions"><button type="button" class="tiny" onClick={() => setMisses(Infinity)}>Show {trial.nearMisses.length - misses} more</button></div>}
        </>
      )}
    </>
  );
}

function joined(before: Trial, page: Trial): Trial {
  const buckets = new Map(before.histogram.map((one) => [one.start, one]));
  for (const one of page.histogram) {
    const known = buckets.get(one.start);
    buckets.set(one.start, known ? { ...one, examined: known.examined + one.examined, matched: known.matched + one.matched } : one);
  }
  return {
    ...page,
    examined: before.examined + page.examined,
    matched: before.matched + page.matched,
    histogram: [...buckets.values()],
    matches: [...before.matches, ...page.matches].slice(0, 50),
    nearMisses: [...before.nearMisses, ...page.nearMisses].slice(0, 50),
  };
}
