// Everything of an endpoint that can be changed; sending a span again; its end.
import { useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { DeleteEndpoints, UpdateEndpoint, type Endpoint } from "../api/documents";
import { Action, attempt, Confirmed, Field } from "../parts/controls";
import { Problems } from "../parts/states";
import { Text } from "../parts/text";
import { endpointNames } from "../state/names";
import { say } from "../state/notices";
import { go } from "../state/route";
import { labelsOf, pairs } from "./endpoints";
import { Replay } from "./replay";

export function Settings({ endpoint, reload }: { endpoint: Endpoint; reload: () => Promise<void> }) {
  const meta = endpoint.meta as { url?: string; method?: string };
  const [name, setName] = useState(endpoint.name);
  const [url, setUrl] = useState(meta.url ?? "");
  const [method, setMethod] = useState(meta.method ?? "POST");
  const [key, setKey] = useState(endpoint.key ?? "");
  const [description, setDescription] = useState(endpoint.description ?? "");
  const [labels, setLabels] = useState(Object.entries(labelsOf(endpoint)).map((pair) => pair.join("=")).join(", "));
  const [error, setError] = useState<ApiError | null>(null);
  const webhook = endpoint.type === "WEB_HOOK";
  return (
    <div class="columns">
      <form class="form" noValidate onSubmit={(event) => event.preventDefault()}>
        <Field label="Name">{(attributes) => <input {...attributes} value={name} onInput={(event) => setName(event.currentTarget.value)} />}</Field>
        {webhook && (
          <>
            <Field label="URL">{(attributes) => <input {...attributes} type="url" value={url} onInput={(event) => setUrl(event.currentTarget.value)} />}</Field>
            <Field label="Method">
              {(attributes) => (
                <select {...attributes} value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
                  {["POST", "PUT", "PATCH"].map((one) => <option key={one}>{one}</option>)}
                </select>
              )}
            </Field>
          </>
        )}
        <Field label="Description" hint="For people.">
          {(attributes) => <input {...attributes} value={description} maxLength={1024} onInput={(event) => setDescription(event.currentTarget.value)} />}
        </Field>
        <Field label="Labels" hint="Pairs such as team=shop, stage=test. Lists can be searched by them.">
          {(attributes) => <input {...attributes} value={labels} onInput={(event) => setLabels(event.currentTarget.value)} />}
        </Field>
        <Field label="Key" hint="Your own id for it: no other endpoint of the workspace has it.">
          {(attributes) => <input {...attributes} value={key} maxLength={128} onInput={(event) => setKey(event.currentTarget.value)} />}
        </Field>
        {error && <Problems error={error} />}
        <div class="actions">
          <Action class="primary" run={async () => {
            setError(null);
            const marks = { key, description, labels: pairs(labels) };
            const before = { id: endpoint.id, name: endpoint.name, key: endpoint.key ?? "", description: endpoint.description ?? "", labels: endpoint.labels, ...(webhook ? { url: meta.url ?? null, method: meta.method ?? null } : {}) };
            try {
              await call(UpdateEndpoint, { id: endpoint.id, name, ...marks, ...(webhook ? { url, method } : {}) });
            } catch (failure) {
              if (!(failure instanceof ApiError) || failure.fault === "signed-out") throw failure;
              setError(failure);
              return;
            }
            say("Saved.", { undo: () => void attempt(() => call(UpdateEndpoint, before).then(reload)) });
            void attempt(() => endpointNames.want(true));
            await reload();
          }}>Save</Action>
        </div>
      </form>
      <div>
        <Replay endpoint={endpoint} />
        <section class="panel">
          <header><h2>Delete</h2></header>
          <div class="body">
            <p class="muted">Its links and open sockets end with it, and what waits for it is discarded.</p>
            <div class="actions">
              <Confirmed label="Delete the endpoint" title="Delete this endpoint?" icon="trash" danger run={async () => {
                await call(DeleteEndpoints, { ids: [endpoint.id] });
                void attempt(() => endpointNames.want(true));
                say("Deleted.");
                go(["endpoints"]);
              }}><p>This cannot be undone. <Text value={endpoint.name} /> gets nothing any more.</p></Confirmed>
            </div>
          </div>
        </section>
      </div>
    </div>
  );
}
