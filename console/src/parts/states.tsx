// What a screen shows when it has nothing to show yet, nothing at all, or no answer.
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import { Icon, type IconName } from "./icon";

export function Loading({ what, rows = 5 }: { what: string; rows?: number }) {
  return (
    <div role="status">
      <span class="visually-hidden">Loading {what} …</span>
      <div class="skeleton" aria-hidden="true">{Array.from({ length: rows }, (_, index) => <span key={index} />)}</div>
    </div>
  );
}

export function Empty({ title, children, icon = "info" }: { title: string; children?: ComponentChildren; icon?: IconName }) {
  return (
    <div class="state">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

const TITLES = {
  offline: "No connection",
  "signed-out": "Signed out",
  refused: "The API refused this",
  failed: "The API failed",
} as const;

/** The API's own sentence, what can be done, and the id under which the log knows it. */
export function Failed({ error, again }: { error: ApiError; again?: () => unknown }) {
  return (
    <div class="state bad" role="alert">
      <Icon name={error.fault === "offline" ? "off" : "warn"} />
      <h2>{TITLES[error.fault]}</h2>
      <p>{error.message}</p>
      {error.requestId && <p class="small">Request <code>{error.requestId}</code></p>}
      {again && <div class="actions"><button type="button" onClick={() => void again()}><Icon name="retry" />Try again</button></div>}
    </div>
  );
}

export function Message({ kind, children }: { kind: "good" | "warn" | "bad" | "plain"; children: ComponentChildren }) {
  const icon = kind === "good" ? "check" : kind === "plain" ? "info" : "warn";
  return (
    <div class={`message ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

export function Problems({ error }: { error: ApiError }) {
  const all = error.problems.length ? error.problems : [error.message];
  return (
    <Message kind="bad">
      {all.length === 1 ? <p>{all[0]}</p> : <ul>{all.map((one) => <li key={one}>{one}</li>)}</ul>}
      {error.requestId && <p class="small">Request <code>{error.requestId}</code></p>}
    </Message>
  );
}
