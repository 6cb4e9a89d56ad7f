import { useEffect } from "preact/hooks";
import { call } from "../api/client";
import { Jobs, type Job, type Json } from "../api/documents";
import { usePages } from "../api/query";
import { attempt, More } from "../parts/controls";
import { EndpointName } from "../parts/endpoint-name";
import { JOB_KINDS, JobBadge, jobCount, JobProgress } from "../parts/job";
import { Head } from "../parts/page";
import { place, Rows } from "../parts/rows";
import { Empty, Failed, Loading } from "../parts/states";
import { absolute, Text, Time } from "../parts/text";
import { endpointNames } from "../state/names";
import { link } from "../state/route";

export function JobsScreen() {
  const pages = usePages<Job>(async (first, after) => (await call(Jobs, { first: Math.min(first, 100), after })).jobs, "jobs", { every: 5 });
  useEffect(() => void attempt(() => endpointNames.want()), []);
  return (
    <>
      <Head title="Jobs" name="Jobs" crumb={{ text: "Deliveries", href: link(["deliveries"]) }}>Long work that goes on by itself: replays, retries and cancellations of the last 30 days.</Head>
      {pages.error && pages.items.length === 0 ? <Failed error={pages.error} again={pages.reload} /> : pages.first ? <Loading what="jobs" /> : pages.items.length === 0 ? (
        <Empty title="No job yet" icon="clock">
          <p>Retry all that failed, or send a span of events again: what takes longer than some seconds becomes a job.</p>
          <a class="button" href={link(["deliveries"])}>Deliveries</a>
        </Empty>
      ) : (
        <>
          <Rows label="Jobs" columns="minmax(0, 1.2fr) minmax(0, 2fr)" items={pages.items} row={(one, index) => (
            <li key={one.id} {...place(index, pages.items.length, pages.more)}>
              <div>
                <div class="name">{JOB_KINDS[one.kind].text}{one.dryRun && ", only counted"}</div>
                <div class="muted small"><Time at={one.started} /> by <Text value={one.actor} /></div>
                <Asked of={one.arguments} />
              </div>
              <div class="wide">
                {one.status === "RUNNING" ? <JobProgress key={one.id} job={one} listed ended={() => void pages.reload()} /> : (
                  <>
                    <p class="actions"><JobBadge of={one.status} /><span>{jobCount(one)}</span></p>
                    {one.reason && <p class="clause small"><Text value={one.reason} /></p>}
                  </>
                )}
              </div>
            </li>
          )} />
          <More pages={pages} />
        </>
      )}
    </>
  );
}

/** Which deliveries or events it is about. */
function Asked({ of }: { of: Json }) {
  const given = of !== null && typeof of === "object" && !Array.isArray(of) ? of : {};
  const endpoint = given["endpointId"] ?? given["endpoint_id"];
  const words = [
    ...(["statuses", "eventTypes"] as const).map((name) => (Array.isArray(given[name]) ? (given[name] as Json[]).join(", ").toLowerCase() : "")),
    typeof given["status_code"] === "number" ? `status ${given["status_code"]}` : "",
    typeof given["since"] === "string" ? `from ${absolute(given["since"])}` : "",
    typeof given["until"] === "string" ? `to ${absolute(given["until"])}` : "",
  ].filter(Boolean);
  return (
    <div class="muted small">
      {typeof endpoint === "string" && <><EndpointName id={endpoint} name={endpointNames.known.value.get(endpoint)?.name} />{words.length > 0 && ", "}</>}
      <Text value={words.join(", ")} />
    </div>
  );
}
