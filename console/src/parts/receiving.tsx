import { useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { EndpointSecret, type Endpoint } from "../api/documents";
import { settings } from "../state/session";
import { FilterChoice } from "./choices";
import { Action, Field } from "./controls";
import { Problems } from "./states";
import { LANGUAGES, SOCKET_LANGUAGES, socketSnippet, webhookSnippet, type Language, type SocketLanguage } from "./snippets";
import { Code } from "./text";

/** Code that receives an endpoint's events. A webhook's secret is filled in when it is asked for. */
export function Receiving({ endpoint }: { endpoint: Endpoint }) {
  return endpoint.type === "WEB_HOOK" ? <WebhookReceiving endpoint={endpoint} /> : <SocketReceiving endpoint={endpoint} />;
}

function Languages<One extends string>({ all, value, change }: { all: readonly One[]; value: One; change: (one: One) => void }) {
  return (
    <div class="actions" role="group" aria-label="Language">
      {all.map((one) => (
        <button key={one} type="button" class={one === value ? "tiny primary" : "tiny"} aria-pressed={one === value} onClick={() => change(one)}>{one}</button>
      ))}
    </div>
  );
}

function WebhookReceiving({ endpoint }: { endpoint: Endpoint }) {
  const [language, setLanguage] = useState<Language>("Python");
  const [secret, setSecret] = useState<string | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const method = String((endpoint.meta as { method?: unknown }).method ?? "POST");
  return (
    <section class="panel">
      <header><h2>Receive it</h2><Languages all={LANGUAGES} value={language} change={setLanguage} /></header>
      <div class="body">
        {error && <Problems error={error} />}
        {secret === null && (
          <div class="actions">
            <Action icon="eye" run={async () => {
              setError(null);
              try {
                setSecret((await call(EndpointSecret, { id: endpoint.id })).endpointSecret);
              } catch (failure) {
                if (!(failure instanceof ApiError)) throw failure;
                setError(failure);
              }
            }}>Fill in this endpoint's secret</Action>
          </div>
        )}
        <Code title={language} text={webhookSnippet(language, secret ?? "whsec_…", method)} what={`${language} receiver`} />
      </div>
    </section>
  );
}

function SocketReceiving({ endpoint }: { endpoint: Endpoint }) {
  const [language, setLanguage] = useState<SocketLanguage>("JavaScript");
  const [filter, setFilter] = useState("");
  return (
    <section class="panel">
      <header><h2>Connect to it</h2><Languages all={SOCKET_LANGUAGES} value={language} change={setLanguage} /></header>
      <div class="body">
        <p class="muted">Reconnects by itself and misses nothing: each frame has a sequence, and the client says which one it saw last.</p>
        {language !== "Command line" && (
          <Field label="Only events of" hint="Of one connection: it gets what this event filter matches, of what the endpoint receives.">
            {(attributes) => <FilterChoice {...attributes} value={filter} none="Everything that the endpoint receives" change={setFilter} />}
          </Field>
        )}
        <Code title={language} text={socketSnippet(language, settings.value?.webSocketUrl ?? "wss://…", endpoint.id, filter)} what={`${language} client`} />
      </div>
    </section>
  );
}
