import { useEffect, useId, useState } from "preact/hooks";
import { call } from "../api/client";
import { EventTypes } from "../api/documents";
import { attempt, Field, Later } from "./controls";

/** A type of events, with those that were seen as suggestions. */
export function TypeField({ label, value, change }: { label: string; value: string; change: (value: string | null) => void }) {
  const [types, setTypes] = useState<string[]>([]);
  const list = useId();
  useEffect(() => void attempt(async () => setTypes((await call(EventTypes, {})).eventTypes.collectionItems.map((one) => one.type))), []);
  return (
    <Field label={label}>
      {(attributes) => (
        <>
          <Later {...attributes} list={list} placeholder="order.created" value={value} change={change} />
          <datalist id={list}>{types.map((one) => <option key={one} value={one} />)}</datalist>
        </>
      )}
    </Field>
  );
}
