// A span of time, in the address: one that ends now, or one between two moments.
import { useMemo } from "preact/hooks";
import { route, setQuery } from "../state/route";
import { Field } from "./controls";

const SPANS: { value: string; text: string; hours: number }[] = [
  { value: "1", text: "the last hour", hours: 1 }, { value: "24", text: "the last day", hours: 24 }, { value: "168", text: "the last week", hours: 168 },
];
const BETWEEN = "between";

export interface Span {
  since: string | null;
  until: string | null;
}

/** The span of the address. It begins at a whole minute, so that the question stays the same while a list is read again. */
export function useSpan(): Span {
  const [span, from, to] = ["span", "from", "to"].map((name) => route.value.query.get(name));
  return useMemo(() => {
    if (span === BETWEEN) return { since: moment(from), until: moment(to) };
    const hours = SPANS.find((one) => one.value === span)?.hours;
    return { since: hours === undefined ? null : new Date(Math.floor(Date.now() / 60_000) * 60_000 - hours * 3_600_000).toISOString(), until: null };
  }, [span, from, to]);
}

/** As the API compares dates; nothing where there is no bound. */
export function bounds({ since, until }: Span): { gte?: string; lt?: string } | null {
  return since || until ? { ...(since ? { gte: since } : {}), ...(until ? { lt: until } : {}) } : null;
}

export function SpanField({ label, any }: { label: string; any: string }) {
  const query = route.value.query;
  const span = query.get("span") ?? "";
  return (
    <>
      <Field label={label}>
        {(attributes) => (
          <select {...attributes} value={span} onChange={(event) => setQuery({ span: event.currentTarget.value || null, from: null, to: null })}>
            <option value="">{any}</option>
            {SPANS.map((one) => <option key={one.value} value={one.value}>{one.text}</option>)}
            <option value={BETWEEN}>between two moments</option>
          </select>
        )}
      </Field>
      {span === BETWEEN && <Between from={query.get("from") ?? ""} to={query.get("to") ?? ""} change={setQuery} />}
    </>
  );
}

/** Two moments of this device's clock. */
export function Between({ from, to, change }: { from: string; to: string; change: (changes: { from: string | null } | { to: string | null }) => void }) {
  return (
    <>
      <Field label="From">{(attributes) => <input {...attributes} type="datetime-local" value={from} max={to || undefined} onChange={(event) => change({ from: event.currentTarget.value || null })} />}</Field>
      <Field label="To">{(attributes) => <input {...attributes} type="datetime-local" value={to} min={from || undefined} onChange={(event) => change({ to: event.currentTarget.value || null })} />}</Field>
    </>
  );
}

/** What such a field holds, as the API takes it; null: nothing, or no moment. */
export function moment(local: string | null | undefined): string | null {
  const date = new Date(local ?? "");
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
