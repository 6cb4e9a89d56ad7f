// What is done to all deliveries that fit the filters: counted first; what takes long goes on as a job.
import { useState } from "preact/hooks";
import { call } from "../api/client";
import { CancelAllDeliveries, RetryAllDeliveries, type DeliveryFilters, type Job } from "../api/documents";
import { Action, attempt, Dialog } from "../parts/controls";
import type { IconName } from "../parts/icon";
import { JobProgress } from "../parts/job";
import { say } from "../state/notices";

interface Answer {
  count: number | null;
  skipped: number | null;
  endCursor: string | null;
  job: Job | null;
}

interface Counted {
  count: number;
  skipped: number;
}

type Ask = (after: string | null, dryRun: boolean, unmatchedToo: boolean) => Promise<Answer | null>;

interface Words {
  icon: IconName;
  button: string;
  none: string;
  one: string;
  many: string;
  what: string;
  run: string;
  done: { one: string; many: string };
}

const RETRY: Words = {
  icon: "retry",
  button: "Retry all that failed",
  none: "No delivery that fits these filters was given up.",
  one: "that fits the filters was given up",
  many: "that fit the filters were given up",
  what: "Each is started again, with all its attempts.",
  run: "Retry",
  done: { one: "is started again", many: "are started again" },
};

const CANCEL: Words = {
  icon: "cross",
  button: "Cancel all that wait",
  none: "No delivery that fits these filters waits for an attempt.",
  one: "that fits the filters waits for an attempt",
  many: "that fit the filters wait for an attempt",
  what: "Each is discarded. A request that is under way is not stopped. A cancelled delivery can be retried, or its event sent again.",
  run: "Cancel",
  done: { one: "is cancelled", many: "are cancelled" },
};

export function RetryAll({ filters }: { filters: DeliveryFilters }) {
  const status = filters.status?.exact;
  if (status && status !== "FAILED") return null;
  return (
    <Bulk words={RETRY} withUnmatched ask={async (after, dryRun, unmatchedToo) =>
      (await call(RetryAllDeliveries, { filters, after, dryRun, unmatchedToo, background: !dryRun })).retryDeliveries} />
  );
}

export function CancelAll({ filters }: { filters: DeliveryFilters }) {
  const { status, ...others } = filters;
  if (status?.exact !== "PENDING") return null;
  return <Bulk words={CANCEL} ask={async (after, dryRun) => (await call(CancelAllDeliveries, { filters: others, after, dryRun, background: !dryRun })).cancelDeliveries} />;
}

function Bulk({ words, ask, withUnmatched = false }: { words: Words; ask: Ask; withUnmatched?: boolean }) {
  const [counted, setCounted] = useState<Counted | null>(null);
  const [unmatchedToo, setUnmatchedToo] = useState(false);
  const [job, setJob] = useState<Job | null>(null);
  const count = async (unmatched: boolean) => {
    setUnmatchedToo(unmatched);
    const sum: Counted = { count: 0, skipped: 0 };
    let after: string | null = null;
    do {
      const answer: Answer | null = await ask(after, true, unmatched);
      sum.count += answer?.count ?? 0;
      sum.skipped += answer?.skipped ?? 0;
      after = answer?.endCursor ?? null;
    } while (after !== null);
    if (sum.count + sum.skipped === 0) say(words.none);
    else setCounted(sum);
  };
  const close = () => {
    setCounted(null);
    setJob(null);
  };
  const said = (number: number) => say(`${deliveries(number, words.done.one, words.done.many)}.`);
  return (
    <>
      <Action icon={words.icon} run={() => count(false)}>{words.button}</Action>
      {counted && (
        <Dialog title={words.button} close={close}>
          {job ? <JobProgress job={job} ended={(now) => now.status === "DONE" && said(now.count)} /> : (
            <>
              <p>{deliveries(counted.count, words.one, words.many)}. {words.what}</p>
              {counted.skipped > 0 && <p class="muted">{deliveries(counted.skipped, "is", "are")} left out: no filter of the endpoint matches the event now, or one of the two is gone.</p>}
              {withUnmatched && (
                <label class="check">
                  <input type="checkbox" checked={unmatchedToo} onChange={(event) => void attempt(() => count(event.currentTarget.checked))} />
                  <span>Also events that no filter matches any more</span>
                </label>
              )}
            </>
          )}
          <div class="actions">
            {!job && (
              <Action class="primary" disabled={counted.count === 0} run={async () => {
                const answer = await ask(null, false, unmatchedToo);
                if (answer?.job) setJob(answer.job);
                else {
                  said(answer?.count ?? 0);
                  close();
                }
              }}>{words.run} {counted.count.toLocaleString("en")}</Action>
            )}
            <button type="button" onClick={close}>{job ? "Close" : "Leave it"}</button>
          </div>
        </Dialog>
      )}
    </>
  );
}

const deliveries = (count: number, one: string, many: string): string => `${count.toLocaleString("en")} ${count === 1 ? `delivery ${one}` : `deliveries ${many}`}`;
