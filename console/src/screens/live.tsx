import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { useConnection } from "../api/query";
import { FilterChoice } from "../parts/choices";
import { Field } from "../parts/controls";
import { Icon, type IconName } from "../parts/icon";
import { Head } from "../parts/page";
import { Empty, Failed, Loading } from "../parts/states";
import { Text, Time } from "../parts/text";
import { link, route, setQuery } from "../state/route";
import { settings } from "../state/session";
import { Tail, type TailState } from "../state/tail";
import { summary } from "./events";

const STATES: Record<TailState, { text: string; look: string; icon: IconName }> = {
  connecting: { text: "Connecting", look: "warn", icon: "clock" },
  open: { text: "Live", look: "good", icon: "live" },
  paused: { text: "Paused", look: "warn", icon: "pause" },
  lost: { text: "Connecting again", look: "bad", icon: "retry" },
};

export function LiveScreen() {
  const filter = route.value.query.get("filter");
  const [wanted, setWanted] = useState("");
  const [tail, setTail] = useState<Tail | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [tries, setTries] = useState(0);
  const ready = settings.value !== null;

  useEffect(() => {
    if (!ready) return undefined;
    const made = new Tail();
    setTail(made);
    setError(null);
    made.start(filter ? [filter] : []).catch((failure: unknown) => {
      if (!(failure instanceof ApiError)) throw failure;
      setError(failure);
    });
    const leave = () => made.end();
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      made.end();
    };
  }, [filter, ready, tries]);

  useConnection(error?.fault === "offline", () => setTries(tries + 1));
  const state = STATES[tail?.state.value ?? "connecting"];
  const word = wanted.trim().toLowerCase();
  const rows = (tail?.rows.value ?? []).filter((one) => !word || "gap" in one || one.type.toLowerCase().includes(word) || one.id.toLowerCase().includes(word));
  return (
    <>
      <Head title={<>Live <span class={`badge ${state.look}`}><Icon name={state.icon} />{state.text}</span></>} name="Live" actions={tail && !error && (
        <>
          {tail.state.value === "paused"
            ? <button type="button" class="primary" onClick={() => tail.resume()}><Icon name="play" />Go on</button>
            : <button type="button" onClick={() => tail.pause()}><Icon name="pause" />Pause</button>}
          <button type="button" onClick={() => tail.clear()}>Clear</button>
        </>
      )}>
        Events as they are routed, over a WebSocket endpoint that this screen makes and removes.
      </Head>
      <div class="filters">
        <Field label="Event filter">
          {(attributes) => <FilterChoice {...attributes} value={filter ?? ""} none="Every event" change={(value) => setQuery({ filter: value || null })} />}
        </Field>
        <Field label="Show only">
          {(attributes) => <input {...attributes} placeholder="type or id" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />}
        </Field>
      </div>
      {error ? <Failed error={error} again={() => setTries(tries + 1)} /> : !tail || (tail.state.value === "connecting" && rows.length === 0) ? <Loading what="the live tail" /> : rows.length === 0 ? (
        <Empty title={tail?.state.value === "open" ? "Waiting for the next event" : state.text} icon="live">
          <p>{word && tail?.received.value ? "None of those that came has this type or id." : "It appears here within a moment of being published."}</p>
          <a class="button" href={link(["publish"])} target="_blank" rel="noopener">Publish one in another tab</a>
        </Empty>
      ) : (
        <>
          <p class="muted small" role="status" style={{ marginBottom: "0.6rem" }}>
            {tail?.received.value.toLocaleString("en")} received, at sequence {tail?.sequence.value}{tail?.repeats.value ? `, ${tail.repeats.value} came twice and were dropped` : ""}
          </p>
          <ul class="rows" aria-label="Events as they come" style={{ "--columns": "4.5rem minmax(0, 1fr) minmax(0, 3fr) 7rem" }}>
            {rows.map((one) => "gap" in one ? (
              <li key={`gap ${one.from}`}><span class="badge warn"><Icon name="warn" />gap</span><span class="wide small">Sequences {one.from} to {one.to} are not available: older than the retention, or never used.</span></li>
            ) : (
              <li key={one.sequence} class="live-row with-check">
                <span class="muted">{one.sequence}</span>
                <a class="cover name" href={link(["events", one.id])}><Text value={one.type} /></a>
                <div class="small mono line wide muted"><Text value={summary(one.data)} /></div>
                <div class="muted small end">{one.date && <Time at={one.date} />}</div>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
