import { useState } from "preact/hooks";
import { ApiError, call } from "../api/client";
import { SignIn as SignInOperation } from "../api/documents";
import { Field } from "../parts/controls";
import { Logo } from "../parts/icon";
import { Message } from "../parts/states";
import { endedBecause, keep } from "../state/session";

const TOKEN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function SignIn() {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const token = text.trim();
    if (!TOKEN.test(token)) {
      setFault("A token is a UUID, such as 8f14e45f-ceea-467f-a0e6-c1d2e3f4a5b6.");
      return;
    }
    setBusy(true);
    setFault(null);
    try {
      await call(SignInOperation, {}, token);
      keep(token);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFault(error.code === "FORBIDDEN" ? "An agent's token publishes only. Sign in with an access token." : error.message);
      setBusy(false);
    }
  }

  return (
    <main class="sign-in">
      <form class="panel" onSubmit={(event) => void submit(event)}>
        <span class="brand"><Logo />Event service</span>
        <h1>Sign in</h1>
        {endedBecause.value && <Message kind="warn"><p>{endedBecause.value}</p></Message>}
        <Field label="Access token" fault={fault} hint="`make token` prints one for a stack of yours. It stays in this tab and ends with it.">
          {(attributes) => (
            <input {...attributes} type="password" autoComplete="off" spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
          )}
        </Field>
        <button type="submit" class="primary" aria-busy={busy} disabled={busy}>Sign in</button>
      </form>
    </main>
  );
}
