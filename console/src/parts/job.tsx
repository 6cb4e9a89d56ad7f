// Long work that the service goes on with by itself: how far it is, and an end to it.
import { useEffect, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { CancelJob, OneJob, type Job, type JobKind, type JobStatus } from "../api/documents";
import { say } from "../state/notices";
import { link } from "../state/route";
import { Action } from "./controls";
import { Icon, type IconName } from "./icon";
import { Text } from "./text";

const SECONDS_BETWEEN_LOOKS = 2;

export const JOB_KINDS: Record<JobKind, { text: string; doing: string; done: string }> = {
  REPLAY_EVENTS: { text: "Send events again", doing: "sent so far", done: "sent" },
  RETRY_DELIVERIES: { text: "Retry deliveries", doing: "started again so far", done: "started again" },
  CANCEL_DELIVERIES: { text: "Cancel deliveries", doing: "cancelled so far", done: "cancelled" },
};

const STATES: Record<JobStatus, { text: string; look: string; icon: IconName }> = {
  RUNNING: { text: "Running", look: "warn", icon: "clock" },
  DONE: { text: "Done", look: "good", icon: "check" },
  CANCELLED: { text: "Cancelled", look: "", icon: "cross" },
  FAILED: { text: "Failed", look: "bad", icon: "cross" },
};

export function JobBadge({ of }: { of: JobStatus }) {
  const { text, look, icon } = STATES[of];
  return <span class={`badge ${look}`}><Icon name={icon} />{text}</span>;
}

/** What it did so far, in words. */
export function jobCount(job: Job): string {
  const words = JOB_KINDS[job.kind];
  const total = job.status === "RUNNING" && job.estimatedTotal !== null ? ` of about ${job.estimatedTotal.toLocaleString("en")}` : "";
  const what = job.dryRun ? "counted" : job.status === "RUNNING" ? words.doing : words.done;
  return `${job.count.toLocaleString("en")}${total} ${what}${job.skipped ? `, ${job.skipped.toLocaleString("en")} left out` : ""}`;
}

/** Follows a job until it is over. Leaving the screen does not end it. */
export function JobProgress({ job, ended, listed = false }: { job: Job; ended?: (job: Job) => void; listed?: boolean }) {
  const [now, setNow] = useState(job);
  const take = (found: Job) => {
    setNow(found);
    if (found.status !== "RUNNING") ended?.(found);
  };
  useEffect(() => {
    if (now.status !== "RUNNING") return undefined;
    const timer = setInterval(() => {
      void call(OneJob, { id: job.id }).then((answer) => answer.job && take(answer.job), (error: unknown) => {
        // A look that fails is followed by the next one; the banner says when there is no connection.
        if (!(error instanceof ApiError)) throw error;
      });
    }, SECONDS_BETWEEN_LOOKS * 1000);
    return () => clearInterval(timer);
  }, [job.id, now.status]);
  return (
    <div class="job">
      <p class="actions"><JobBadge of={now.status} /><span role="status">{jobCount(now)}</span></p>
      {now.status === "RUNNING" && (
        <>
          <progress aria-label={JOB_KINDS[now.kind].text} {...(now.progress === null ? {} : { max: 1, value: now.progress })} />
          {!listed && <p class="muted small">It goes on when you leave. <a href={link(["jobs"])}>All jobs</a></p>}
        </>
      )}
      {now.reason && <p class="clause"><Text value={now.reason} /></p>}
      {now.status === "RUNNING" && (
        <div class="actions">
          <Action icon="cross" run={async () => {
            const found = (await call(CancelJob, { id: now.id })).cancelJob;
            if (found) take(found);
            say("Cancelled. What was done stays done.");
          }}>Cancel the job</Action>
        </div>
      )}
    </div>
  );
}
