import { useState } from "preact/hooks";
import { call } from "../api/client";
import { Events, type Event, type EventFilters } from "../api/documents";
import { usePages } from "../api/query";
import { Field, Later, More } from "../parts/controls";
import { Icon } from "../parts/icon";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { bounds, SpanField, useSpan } from "../parts/span";
import { Empty, Failed, Loading } from "../parts/states";
import { Text, Time } from "../parts/text";
import { TypeField } from "../parts/type-field";
import { link, route, setQuery } from "../state/route";

const SUMMARY = 140;

export function EventsScreen() {
  const query = route.value.query;
  const [more, setMore] = useState(["profile", "activity", "agent", "camera", "pattern"].some((one) => query.has(one)));
  const type = query.get("type");
  const profile = query.get("profile");
  const activity = query.get("activity");
  const [agent, camera] = [query.get("agent"), query.get("camera")];
  const pattern = query.get("pattern");
  const date = bounds(useSpan());
  const filters: EventFilters = {
    ...(type ? { type: { exact: type } } : {}),
    ...(profile ? { dataIdentificationDataProfileId: { exact: profile } } : {}),
    ...(activity ? { activityId: { exact: activity } } : {}),
    ...(agent ? { agentId: { exact: agent } } : {}),
    ...(camera ? { cameraId: { exact: camera } } : {}),
    ...(pattern ? { pattern } : {}),
    ...(date ? { date } : {}),
  };
  const pages = usePages<Event>(
    async (first, after) => (await call(Events, { filters, first, after })).events,
    JSON.stringify(filters),
    { every: 5 },
  );
  const filtered = Object.keys(filters).length > 0;
  return (
    <>
      <Head title="Events" name="Events" actions={<a class="button primary" href={link(["publish"])}><Icon name="send" />Publish an event</a>}>
        What was published, the latest first.
      </Head>
      <div class="filters">
        <TypeField label="Type" value={type ?? ""} change={(value) => setQuery({ type: value })} />
        <SpanField label="Date" any="All dates" />
        {more ? (
          <>
            <Field label="Profile">
              {(attributes) => <Later {...attributes} placeholder="profile id" value={profile ?? ""} change={(value) => setQuery({ profile: value })} />}
            </Field>
            <Field label="Activity">
              {(attributes) => <Later {...attributes} placeholder="activity id" value={activity ?? ""} change={(value) => setQuery({ activity: value })} />}
            </Field>
            <Field label="Agent">{(attributes) => <Later {...attributes} placeholder="agent id" value={agent ?? ""} change={(value) => setQuery({ agent: value })} />}</Field>
            <Field label="Pattern">{(attributes) => <Later {...attributes} placeholder='{"data": {"total": [120]}}' value={pattern ?? ""} change={(value) => setQuery({ pattern: value })} />}</Field>
            <Field label="Camera">{(attributes) => <Later {...attributes} placeholder="camera id" value={camera ?? ""} change={(value) => setQuery({ camera: value })} />}</Field>
          </>
        ) : <button type="button" onClick={() => setMore(true)}>More filters</button>}
      </div>
      {pages.error && pages.items.length === 0 ? <Failed error={pages.error} again={pages.reload} /> : pages.first ? <Loading what="events" /> : pages.items.length === 0 ? (
        <Empty title={filtered ? "No event fits these filters" : "No event yet"} icon="events">
          {!filtered && <p>Publish one here, or with the API. Each endpoint that wants it gets it.</p>}
          <a class="button primary" href={link(["publish"])}>Publish an event</a>
        </Empty>
      ) : (
        <div style={{ "--columns": "minmax(0, 1.3fr) minmax(0, 3fr) 8rem" }}>
          <Rows label="Events" items={pages.items} row={(one, index) => (
              <li key={one.id} {...place(index, pages.items.length, pages.more)}>
                <div>
                  <a class="cover name" href={link(["events", one.id])}><Text value={one.type} /></a>
                  <div class="muted small line mono"><Text value={one.id} /></div>
                </div>
                <div class="small mono line wide muted"><Text value={summary(one.data)} /></div>
                <div class="muted small end"><Time at={one.date} /></div>
              </li>
          )} />
          <More pages={pages} />
        </div>
      )}
    </>
  );
}

/** The beginning of an event's data, without writing out all of a large one. */
export function summary(data: unknown): string {
  let left = SUMMARY;
  const text = JSON.stringify(data, (_key, value: unknown) => {
    if (left <= 0) return undefined;
    left -= typeof value === "string" ? Math.min(value.length, SUMMARY) : 4;
    return typeof value === "string" && value.length > SUMMARY ? `${value.slice(0, SUMMARY)}…` : value;
  });
  return text.length > SUMMARY ? `${text.slice(0, SUMMARY)}…` : text;
}
