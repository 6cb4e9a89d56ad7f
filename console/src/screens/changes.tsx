import { useEffect, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { useConnection } from "../api/query";
import { Changes, type Change, type ChangesAnswer, type Json } from "../api/documents";
import { Action, Field } from "../parts/controls";
import { EndpointChoice } from "../parts/choices";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { Empty, Failed, Loading } from "../parts/states";
import { absolute, Sentence, Text, Time } from "../parts/text";
import { TAIL_NAME } from "../state/tail";
import { link, route, setQuery } from "../state/route";

type Page = ChangesAnswer["changes"];

const MARGIN_SECONDS = 60;

export function ChangesScreen() {
  const of = route.value.query.get("of");
  const since = route.value.query.get("since");
  const [page, setPage] = useState<Page | null>(null);
  const [error, setError] = useState<ApiError | null>(null);

  const load = async (before: Page | null): Promise<void> => {
    try {
      const next = (await call(Changes, { after: before?.endCursor ?? null })).changes;
      setPage({ ...next, collectionItems: [...(before?.collectionItems ?? []), ...next.collectionItems] });
      setError(null);
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
    }
  };
  useEffect(() => void load(null), []);
  useConnection(error?.fault === "offline" && !page, () => load(null));

  const read = page?.collectionItems ?? [];
  // A change a moment before the first failure may be its reason.
  const from = since ? new Date(since).getTime() - MARGIN_SECONDS * 1000 : null;
  const shown = read.filter((one) => (of ? of in states(one.before) || of in states(one.after) : !isOwn(one)) && (from === null || new Date(one.date).getTime() >= from));
  return (
    <>
      <Head title="Changes" name="Changes">Who changed endpoints, filters and links, when, and how.</Head>
      <div class="filters">
        <Field label="Endpoint">{(attributes) => <EndpointChoice {...attributes} value={of ?? ""} none="All endpoints" change={(value) => setQuery({ of: value || null })} />}</Field>
        {since && <button type="button" onClick={() => setQuery({ since: null })}><Icon name="close" />Since {absolute(since)}</button>}
      </div>
      {error && !page ? <Failed error={error} again={() => load(null)} /> : !page ? <Loading what="changes" /> : shown.length === 0 ? (
        <Empty title={of || since ? "None of the changes read is like this" : "No change yet"} icon="changes">
          {page.hasNextPage ? <Action run={() => load(page)}>Read older changes</Action> : !of && !since && (
            <>
              <p>Create an endpoint or an event filter: who did it, when, and what it changed stands here.</p>
              <a class="button primary" href={link(["new-endpoint"])}><Icon name="plus" />New endpoint</a>
            </>
          )}
        </Empty>
      ) : (
        <>
          <Rows ordered label="Changes, the latest first" columns="minmax(0, 1fr) auto" items={shown}
            row={(one, index) => <li key={one.version} {...place(index, shown.length, page.hasNextPage)}><OneChange of={one} /></li>} />
          <div class="more" role="status">
            <span>{shown.length.toLocaleString("en")} shown{!of && shown.length < read.length && `, ${read.length - shown.length} of live tails left out`}</span>
            {page.hasNextPage && <Action run={() => load(page)}>Show older</Action>}
          </div>
        </>
      )}
    </>
  );
}

/** Of an endpoint that a live tail made for itself: it says nothing about the workspace. */
function isOwn(change: Change): boolean {
  const all = [...Object.values(states(change.before)), ...Object.values(states(change.after))];
  return all.length > 0 && all.every((one) => String(states(one)["name"]).startsWith(TAIL_NAME));
}

function OneChange({ of }: { of: Change }) {
  const lines = differences(states(of.before), states(of.after));
  return (
    <>
      <span class="name"><Sentence value={of.sentence} /></span>
      <div class="muted small end"><Time at={of.date} /></div>
      <div class="muted small whole">{of.actor ? <Text value={of.actor} /> : "by an unknown token"} · <code>{of.operation}</code> · version {of.version}</div>
      {lines.length > 0 && (
        <details class="small whole">
          <summary>What changed</summary>
          <div class="table" role="region" aria-label={`What version ${of.version} changed`} tabIndex={0}>
            <table>
              <thead><tr><th scope="col">Where</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
              <tbody>
                {lines.slice(0, 200).map((line) => (
                  <tr key={line.path}>
                    <th scope="row"><Text value={line.path} /></th>
                    <td class="removed">{line.before === undefined ? <span class="muted">–</span> : <code><Text value={line.before} /></code>}</td>
                    <td class="added">{line.after === undefined ? <span class="muted">–</span> : <code><Text value={line.after} /></code>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </>
  );
}

function states(value: Json): { [id: string]: Json } {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

interface Line {
  path: string;
  before: string | undefined;
  after: string | undefined;
}

const SHOWN = 500;

/** What differs, by its place. An endpoint or a filter is named by its name where it has one. */
export function differences(before: { [id: string]: Json }, after: { [id: string]: Json }): Line[] {
  const lines: Line[] = [];
  for (const id of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const state = states(after[id] ?? before[id] ?? null);
    const name = typeof state["name"] === "string" && state["name"] !== "" ? state["name"] : id;
    const [left, right] = [leaves(before[id], name), leaves(after[id], name)];
    for (const path of new Set([...left.keys(), ...right.keys()])) {
      if (left.get(path) !== right.get(path)) lines.push({ path, before: left.get(path), after: right.get(path) });
    }
  }
  return lines;
}

function leaves(value: Json | undefined, path: string, found = new Map<string, string>()): Map<string, string> {
  if (value === undefined) return found;
  if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0) {
    for (const [key, one] of Object.entries(value)) leaves(one, `${path} · ${key}`, found);
  } else {
    const text = JSON.stringify(value);
    found.set(path, text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
  }
  return found;
}

/** The history of one endpoint. */
export function changesOf(id: string): string {
  return link(["changes"], { of: id });
}
