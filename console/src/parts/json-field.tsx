import type { CompletionSource } from "@codemirror/autocomplete";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { JsonEditor } from "./json-editor";
import type { PlacedFault } from "./json-places";

/** A field for JSON: an editor, once its code is there. */
export function JsonField({ label, hint, placeholder, value, faults = [], complete, change }: {
  label: string;
  hint?: string;
  placeholder?: string;
  value: string;
  faults?: readonly PlacedFault[];
  complete?: CompletionSource;
  change: (text: string) => void;
}) {
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<JsonEditor | null>(null);
  const [plain, setPlain] = useState(false);
  const latest = useRef({ value, change, faults });
  latest.current = { value, change, faults };
  useEffect(() => {
    let gone = false;
    void import("./json-editor").then(({ mountEditor }) => {
      if (gone || !host.current) return;
      editor.current = mountEditor(host.current, {
        text: latest.current.value,
        label,
        ...(placeholder ? { hint: placeholder } : {}),
        ...(complete ? { complete } : {}),
        change: (text) => latest.current.change(text),
      });
      editor.current.setFaults(latest.current.faults);
    }, () => setPlain(true)); // Its code could not be fetched, as without a connection.
    return () => {
      gone = true;
      editor.current?.destroy();
    };
  }, []);
  useEffect(() => editor.current?.setText(value), [value]);
  useEffect(() => editor.current?.setFaults(faults), [faults]);
  return (
    <div class="field">
      <span class="legend" id={id}>{label}</span>
      {plain
        ? <textarea aria-labelledby={id} aria-invalid={faults.length > 0} spellcheck={false} placeholder={placeholder ?? ""} value={value} onInput={(event) => change(event.currentTarget.value)} />
        : <div class={faults.length ? "editor fault" : "editor"} ref={host} role="group" aria-labelledby={id} />}
      {faults.map((one) => <span key={one.message} class="fault">{one.message}</span>)}
      {hint && <span class="hint">{hint}</span>}
    </div>
  );
}
