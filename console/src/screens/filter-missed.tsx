// Saves a filter and sends its endpoints what it matches and they did not receive: counted first, and long work as jobs.
import { useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { ReplayEvents, type EventFilter, type Job, type ReplayEventsAnswer } from "../api/documents";
import { Action, Dialog } from "../parts/controls";
import { Icon } from "../parts/icon";
import { JobProgress } from "../parts/job";
import { Text } from "../parts/text";
import { say } from "../state/notices";
import { settings } from "../state/session";

interface Missed {
  id: string;
  name: string;
  count: number;
}

interface Counted {
  since: string;
  until: string;
  endpoints: Missed[];
}

const SHOWN = 20;

export function SendMissed({ filter, save }: { filter: EventFilter; save: () => Promise<boolean> }) {
  const [counted, setCounted] = useState<Counted | null>(null);
  const [jobs, setJobs] = useState<{ name: string; job: Job }[]>([]);
  const progress = useRef({ sent: 0, left: 0 });
  const saySent = (sent: number) => say(`${sent.toLocaleString("en")} missed ${sent === 1 ? "event is" : "events are"} being sent.`);
  // What a socket endpoint's clients did not receive is not known: its log has what was sent.
  const webhooks = filter.endpoints.filter((one) => one.type === "WEB_HOOK");
  if (webhooks.length === 0) return null;

  const count = async () => {
    if (!(await save())) return;
    const days = settings.value?.eventRetentionDays ?? 14;
    const until = new Date().toISOString();
    const since = new Date(Date.now() - days * 86_400_000).toISOString();
    const endpoints: Missed[] = [];
    for (const { id, name } of webhooks) {
      const missed = await countMissed(id, since, until);
      if (missed > 0) endpoints.push({ id, name, count: missed });
    }
    if (endpoints.length === 0) say("Saved. Nothing had been missed.");
    else setCounted({ since, until, endpoints });
  };
  const send = async ({ since, until, endpoints }: Counted) => {
    const started: typeof jobs = [];
    let sent = 0;
    for (const { id, name } of endpoints) {
      const answer = (await call(ReplayEvents, { endpointId: id, since, until, missingOnly: true, background: true })).replayEvents;
      if (answer?.job) started.push({ name, job: answer.job });
      else sent += answer?.count ?? 0;
    }
    setCounted(null);
    setJobs(started);
    progress.current = { sent, left: started.length };
    if (started.length) say(`What was missed is being sent to ${started.length} ${started.length === 1 ? "endpoint" : "endpoints"} as ${started.length === 1 ? "a job" : "jobs"}.`);
    else saySent(sent);
  };
  const total = counted?.endpoints.reduce((sum, one) => sum + one.count, 0) ?? 0;
  return (
    <>
      <Action icon="retry" run={count}>Save and send what was missed</Action>
      {counted && (
        <Dialog title="Send what was missed?" close={() => setCounted(null)}>
          <p>The filter is saved. It matches {events(total)} that {counted.endpoints.length === 1 ? "this endpoint" : "these endpoints"} did not receive:</p>
          <ul class="rows" style={{ "--columns": "minmax(0, 1fr) auto" }}>
            {counted.endpoints.slice(0, SHOWN).map((one) => <li key={one.id}><span class="name"><Text value={one.name} /></span><span class="end">{events(one.count)}</span></li>)}
          </ul>
          {counted.endpoints.length > SHOWN && <p class="muted">And {(counted.endpoints.length - SHOWN).toLocaleString("en")} endpoints more.</p>}
          <div class="actions">
            <Action class="primary" icon="send" run={() => send(counted)}>{total === 1 ? "Send the missed one" : `Send the ${total.toLocaleString("en")} missed ones`}</Action>
            <button type="button" onClick={() => setCounted(null)}>Leave it</button>
          </div>
        </Dialog>
      )}
      {jobs.map(({ name, job }) => (
        <div key={job.id} class="whole">
          <h3><Icon name="clock" /> <Text value={name} /></h3>
          <JobProgress job={job} ended={(now) => {
            progress.current = { sent: progress.current.sent + now.count, left: progress.current.left - 1 };
            if (progress.current.left === 0) saySent(progress.current.sent);
          }} />
        </div>
      ))}
    </>
  );
}

const events = (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "event" : "events"}`;

async function countMissed(endpointId: string, begin: string, until: string): Promise<number> {
  let since: string | null = begin;
  let count = 0;
  while (since !== null) {
    const answer: ReplayEventsAnswer = await call(ReplayEvents, { endpointId, since, until, missingOnly: true, dryRun: true });
    count += answer.replayEvents?.count ?? 0;
    since = answer.replayEvents?.continueSince ?? null;
  }
  return count;
}
