// What a person should look at: endpoints that are off, fail, or are slow, each with the reason and one thing to do.
import { call } from "../api/client";
import { PauseEndpoints, ResumeEndpoints } from "../api/documents";
import { Action, attempt } from "../parts/controls";
import { EndpointName } from "../parts/endpoint-name";
import { Icon } from "../parts/icon";
import { laneSentence } from "../parts/lane";
import { Status } from "../parts/status";
import { absolute, Text } from "../parts/text";
import { say } from "../state/notices";
import { link } from "../state/route";
import type { SeenDelivery } from "./home-counts";

interface Need {
  id: string;
  name: string | undefined;
  text: string;
  kind: "disabled" | "paused" | "failing" | "given-up" | "slow" | "limited";
}

const BADGES = {
  failing: { text: "Failing", look: "bad" }, "given-up": { text: "Given up", look: "bad" }, slow: { text: "Slow", look: "warn" }, limited: { text: "Limited", look: "warn" },
} as const;
const SHOWN = 50;

interface Given {
  off: { id: string; name: string; status: string; statusReason: string | null }[];
  /** All that wait. */
  waiting: SeenDelivery[];
  /** In the last day. */
  givenUp: SeenDelivery[];
  /** Their endpoints may be slow. */
  latest: SeenDelivery[];
}

export function NeedsYou({ reload, ...given }: Given & { reload: () => Promise<void> }) {
  const needs = needsOf(given);
  return (
    <section class="panel" style={{ marginBottom: "1rem" }}>
      <header><h2>Needs you</h2></header>
      <div class="body">
        {needs.length === 0 ? <p class="muted">Nothing: every endpoint is on, and no delivery has trouble.</p> : (
          <ul class="rows" style={{ "--columns": "minmax(0, 1fr) minmax(0, 2.5fr) 7rem" }}>
            {needs.slice(0, SHOWN).map((one) => (
              <li key={one.id}>
                <div class="name"><EndpointName id={one.id} name={one.name} /></div>
                <div class="small wide"><span class="actions">{one.kind === "disabled" || one.kind === "paused" ? <Status of={one.kind === "disabled" ? "DISABLED" : "PAUSED"} /> : <span class={`badge ${BADGES[one.kind].look}`}><Icon name="warn" />{BADGES[one.kind].text}</span>}<Text value={capital(one.text)} /></span></div>
                {one.kind !== "disabled" && one.kind !== "paused"
                  ? <a class="button above" href={link(["endpoints", one.id], { tab: "deliveries" })}>See why</a>
                  : <Action icon="play" run={async () => { await call(ResumeEndpoints, { ids: [one.id] }); say("Resumed. What had arrived meanwhile is being sent.", { undo: () => void attempt(async () => { await call(PauseEndpoints, { ids: [one.id] }); await reload(); }) }); await reload(); }}>Resume</Action>}
              </li>
            ))}
          </ul>
        )}
        {needs.length > SHOWN && <p class="muted small">And {(needs.length - SHOWN).toLocaleString("en")} more.</p>}
      </div>
    </section>
  );
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

function needsOf({ off, waiting, givenUp, latest }: Given): Need[] {
  const needs = new Map(off.map((one): [string, Need] => [one.id, one.status === "DISABLED"
    ? { id: one.id, name: one.name, kind: "disabled", text: one.statusReason ?? "The service disabled it." }
    : { id: one.id, name: one.name, kind: "paused", text: "A person paused it. What arrives goes to its backlog." }]));
  const add = (need: Need) => { if (!needs.has(need.id)) needs.set(need.id, need); };
  const trouble = new Map<string, { endpoint: NonNullable<SeenDelivery["endpoint"]>; failed: number; trying: number }>();
  for (const one of [...waiting, ...givenUp]) {
    if (!one.endpoint || (one.status === "PENDING" && one.attempts.length === 0)) continue;
    const counted = trouble.get(one.endpointId) ?? { endpoint: one.endpoint, failed: 0, trying: 0 };
    counted[one.status === "FAILED" ? "failed" : "trying"] += 1;
    trouble.set(one.endpointId, counted);
  }
  for (const [id, { endpoint, failed, trying }] of trouble) {
    // What was given up yesterday says nothing about how its receiver does now.
    const kind = trying > 0 || endpoint.health.failingSince ? "failing" : "given-up";
    add({ id, name: endpoint.name, kind, text: failingSentence(endpoint, failed, trying) });
  }
  for (const { endpointId: id, endpoint } of [...waiting, ...latest]) {
    const sentence = endpoint ? laneSentence(endpoint.health) : null;
    if (endpoint && sentence) add({ id, name: endpoint.name, kind: endpoint.health.trouble === "SLOW" ? "slow" : "limited", text: sentence });
  }
  return [...needs.values()];
}

function failingSentence({ health: { failingSince, disableDate } }: NonNullable<SeenDelivery["endpoint"]>, failed: number, trying: number): string {
  const parts = [
    trying ? `${trying.toLocaleString("en")} ${trying === 1 ? "delivery is" : "deliveries are"} being tried again` : "",
    failed ? `${failed.toLocaleString("en")} ${failed === 1 ? "was" : "were"} given up in the last day` : "",
  ].filter(Boolean).join(", ");
  const begin = failingSince ? `Nothing succeeded since ${absolute(failingSince)}: ` : "";
  const end = disableDate ? ` It is disabled on ${absolute(disableDate)} unless a delivery succeeds before.` : "";
  return `${begin}${parts}.${end}`;
}
