// "API": the operations that drew the screen, ready to copy. The console does nothing that they cannot do.
import { useState } from "preact/hooks";
import { calls, type Call } from "../api/client";
import { graphqlUrl } from "../state/session";
import { Dialog } from "./controls";
import { Icon } from "./icon";
import { Code, duration } from "./text";

/** An operation that has not been sent yet. */
export interface Sends {
  operation: { name: string; kind: string; text: string };
  variables: unknown;
}

export function ApiButton({ sends }: { sends?: Sends | undefined }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)} title="The API calls of this screen"><Icon name="code" />API</button>
      {open && (
        <Dialog title="The API calls of this screen" close={() => setOpen(false)}>
          <p class="muted">Each is one POST to <code>{graphqlUrl}</code> with your token in the header <code>Token</code>.</p>
          {sends && <OneCall made={{ ...sends, milliseconds: null }} />}
          {[...calls.value].reverse().map((one) => <OneCall key={one.operation.name} made={one} />)}
        </Dialog>
      )}
    </>
  );
}

function OneCall({ made }: { made: Pick<Call, "variables"> & Sends & { milliseconds: number | null } }) {
  return (
    <section>
      <h3>{made.operation.name} <span class="muted small">{made.milliseconds === null ? "what this form sends" : `${made.operation.kind}, ${duration(made.milliseconds)}`}</span></h3>
      <Code title="GraphQL" text={made.operation.text} what="operation" />
      <Code title="Variables" text={JSON.stringify(made.variables ?? {}, null, 2)} what="variables" />
      <Code title="curl" text={curl(made)} what="curl command" />
    </section>
  );
}

export function curl(made: Sends): string {
  const body = JSON.stringify({ query: made.operation.text.replace(/\s+/g, " "), operationName: made.operation.name, variables: made.variables });
  return `curl -s ${quoted(graphqlUrl)} -H "Token: $TOKEN" -H 'content-type: application/json' -d ${quoted(body)}`;
}

/** A word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
