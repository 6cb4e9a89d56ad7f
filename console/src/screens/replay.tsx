// Sends the events of a span again to one endpoint: counted first; what takes long goes on as a job.
import { useState } from "preact/hooks";
import { call } from "../api/client";
import { ReplayEvents, type Endpoint, type Job, type ReplayEventsAnswer } from "../api/documents";
import { Action, Field } from "../parts/controls";
import { JobProgress } from "../parts/job";
import { Between, moment } from "../parts/span";
import { Message } from "../parts/states";
import { say } from "../state/notices";

export function Replay({ endpoint }: { endpoint: Endpoint }) {
  const webhook = endpoint.type === "WEB_HOOK";
  const [hours, setHours] = useState(24);
  /** Used where no hours are chosen. */
  const [between, setBetween] = useState<{ from: string | null; to: string | null }>({ from: null, to: null });
  // Which events a socket's clients did not receive is not known.
  const [missingOnly, setMissingOnly] = useState(webhook);
  const [span, setSpan] = useState<{ since: string; until: string; count: number } | null>(null);
  const [sent, setSent] = useState<number | null>(null);
  const [job, setJob] = useState<Job | null>(null);
  const change = () => {
    setSpan(null);
    setSent(null);
    setJob(null);
  };
  const count = async () => {
    change();
    const until = (hours ? null : moment(between.to)) ?? new Date().toISOString();
    const begin = hours ? new Date(Date.now() - hours * 3_600_000).toISOString() : moment(between.from);
    if (begin === null) {
      say("Choose from when on events are sent again.", { bad: true });
      return;
    }
    let since: string | null = begin;
    let all = 0;
    while (since !== null) {
      const answer: ReplayEventsAnswer = await call(ReplayEvents, { endpointId: endpoint.id, since, until, missingOnly, dryRun: true });
      all += answer.replayEvents?.count ?? 0;
      since = answer.replayEvents?.continueSince ?? null;
    }
    setSpan({ since: begin, until, count: all });
  };
  const send = async () => {
    if (!span) return;
    const answer = (await call(ReplayEvents, { endpointId: endpoint.id, since: span.since, until: span.until, missingOnly, background: true })).replayEvents;
    if (answer?.job) setJob(answer.job);
    else setSent(answer?.count ?? 0);
  };
  return (
    <section class="panel">
      <header><h2>Send again</h2></header>
      <div class="body">
        <p class="muted">
          {webhook ? "Sends the retained events of a span that its filters match." : "Puts the retained events of a span that its filters match into its log again, 100 a second: with new sequences, and marked as replayed."}
        </p>
        <Field label="Events of the last">
          {(attributes) => (
            <select {...attributes} value={String(hours)} onChange={(event) => { change(); setHours(Number(event.currentTarget.value)); }}>
              <option value="1">hour</option><option value="24">day</option><option value="168">week</option><option value="336">two weeks</option><option value="0">span that I choose</option>
            </select>
          )}
        </Field>
        {hours === 0 && <div class="filters" style={{ marginBottom: 0 }}><Between from={between.from ?? ""} to={between.to ?? ""} change={(changes) => { change(); setBetween({ ...between, ...changes }); }} /></div>}
        {webhook && (
          <label class="check">
            <input type="checkbox" checked={missingOnly} onChange={(event) => { change(); setMissingOnly(event.currentTarget.checked); }} />
            <span>Only what it did not receive</span>
          </label>
        )}
        {job ? <JobProgress job={job} ended={(now) => { if (now.status === "DONE") { setJob(null); setSent(now.count); } }} /> : sent !== null
          ? <Message kind="good"><p>{events(sent)} being sent.</p></Message>
          : span !== null && <Message kind="plain"><p>{span.count === 0 ? "There is nothing to send." : `${events(span.count)} to be sent.`}</p></Message>}
        <div class="actions">
          {span === null || span.count === 0 || sent !== null || job !== null
            ? <Action icon="search" run={count}>Count them first</Action>
            : <Action icon="retry" class="primary" run={send}>Send {span.count.toLocaleString("en")}</Action>}
        </div>
      </div>
    </section>
  );
}

const events = (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "event is" : "events are"}`;
