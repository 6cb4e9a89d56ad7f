import { useEffect, useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { OneEvent, PublishEvents, type EventInput, type Json } from "../api/documents";
import { Action, attempt, Field } from "../parts/controls";
import { JsonField } from "../parts/json-field";
import { jsonFault, placedFaults, type PlacedFault } from "../parts/json-places";
import { format } from "../parts/json-format";
import { Head } from "../parts/page";
import { Message, Problems } from "../parts/states";
import { Text } from "../parts/text";
import { link, route } from "../state/route";

const EXAMPLES: { name: string; type: string; data: Json }[] = [
  { name: "An order", type: "order.created", data: { number: 17, total: 120.5, currency: "EUR", customer: { country: "PT", new: true } } },
  { name: "A payment that failed", type: "payment.failed", data: { order: 17, amount: 120.5, reason: "card expired" } },
  { name: "An identification", type: "IDENTIFICATION", data: { text: "a person was seen", identification_data: [{ profile_id: "6b1d2c9e-0f3a-4d5b-9c8e-7a6f5e4d3c2b", profile_groups: [{ id: "2f0c8f5e-1b7d-4c1a-8e55-0f2f3f6a9b10" }] }] } },
  { name: "A temperature", type: "sensor.reading", data: { sensor: "cold-room-2", celsius: 7.4 } },
];

export function PublishScreen() {
  const from = route.value.query.get("from");
  const [type, setType] = useState(EXAMPLES[0]?.type ?? "");
  const [data, setData] = useState(format(EXAMPLES[0]?.data));
  const [id, setId] = useState("");
  const [agentId, setAgentId] = useState("");
  const [cameraId, setCameraId] = useState("");
  const [faults, setFaults] = useState<readonly PlacedFault[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [published, setPublished] = useState<{ id: string; again: boolean } | null>(null);

  useEffect(() => {
    if (!from) return;
    void attempt(async () => {
      const event = (await call(OneEvent, { id: from })).event;
      if (!event) return;
      setType(event.type);
      setData(format(event.data));
      setAgentId(event.agentId ?? "");
      setCameraId(event.cameraId ?? "");
    });
  }, [from]);

  const event = (): EventInput => ({
    type: type.trim(), data: jsonFault(data) ? {} : (JSON.parse(data) as Json),
    ...(id.trim() ? { id: id.trim() } : {}), ...(agentId.trim() ? { agentId: agentId.trim() } : {}), ...(cameraId.trim() ? { cameraId: cameraId.trim() } : {}),
  });

  const publish = async () => {
    setError(null);
    setPublished(null);
    const broken = jsonFault(data);
    if (broken) {
      setFaults([{ path: [], message: broken.message }]);
      return;
    }
    try {
      const answer = (await call(PublishEvents, { events: [event()] })).publishEvents;
      const first = answer?.ids[0];
      if (first) setPublished({ id: first, again: answer.duplicateIds.includes(first) });
      setFaults([]);
    } catch (failure) {
      if (!(failure instanceof ApiError) || failure.fault === "signed-out") throw failure;
      const { placed, others } = placedFaults(failure.problems, "events[0].data");
      setFaults(placed);
      setError(others.length || !placed.length ? failure : null);
    }
  };

  return (
    <>
      <Head sends={{ operation: PublishEvents, variables: { events: [event()] } }} title={from ? "Publish again" : "Publish an event"} name="Publish" crumb={{ text: "Events", href: link(["events"]) }}>
        {from ? "As a new event, with an id of its own." : "Every endpoint whose filters match it gets it."}
      </Head>
      <form class="form" noValidate onSubmit={(event) => event.preventDefault()}>
        {!from && (
          <div class="field">
            <span class="legend" id="examples">Examples</span>
            <div class="actions" role="group" aria-labelledby="examples">
              {EXAMPLES.map((one) => <button key={one.name} type="button" class="tiny" onClick={() => { setType(one.type); setData(format(one.data)); }}>{one.name}</button>)}
            </div>
          </div>
        )}
        <Field label="Type">{(attributes) => <input {...attributes} value={type} onInput={(event) => setType(event.currentTarget.value)} />}</Field>
        <JsonField label="Data" hint="A JSON object. The whole event may have 256 KiB." value={data} faults={faults} change={setData} />
        <details>
          <summary>More: id, agent, camera</summary>
          <div class="form" style={{ marginTop: "0.8rem" }}>
            <Field label="Id" hint="Your own: publishing it again is reported as a duplicate and delivers nothing twice. Empty: the service makes one.">
              {(attributes) => <input {...attributes} value={id} onInput={(event) => setId(event.currentTarget.value)} />}
            </Field>
            <Field label="Agent id">{(attributes) => <input {...attributes} value={agentId} onInput={(event) => setAgentId(event.currentTarget.value)} />}</Field>
            <Field label="Camera id">{(attributes) => <input {...attributes} value={cameraId} onInput={(event) => setCameraId(event.currentTarget.value)} />}</Field>
          </div>
        </details>
        {error && <Problems error={error} />}
        {published && (
          <Message kind={published.again ? "warn" : "good"}>
            <p>{published.again ? "This id had been published before: nothing is delivered again." : "Published."}</p>
            <p><a href={link(["events", published.id])}>See where it goes: <Text value={published.id} /></a></p>
          </Message>
        )}
        <div class="actions"><Action class="primary" icon="send" run={publish}>Publish</Action></div>
      </form>
    </>
  );
}
