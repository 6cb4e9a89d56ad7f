import { useEffect } from "preact/hooks";
import { attempt } from "./controls";
import { namedEndpoints, wantNames } from "../state/endpoint-names";
import { link } from "../state/route";
import { Text } from "./text";

/** An endpoint's name as a link to its card; its id until the name is known, or where the endpoint is gone. */
export function EndpointName({ id, above = true }: { id: string; above?: boolean }) {
  useEffect(() => void attempt(() => wantNames()), [id]);
  const known = namedEndpoints.value.get(id);
  return <a class={above ? "above" : ""} href={link(["endpoints", id])}>{known ? <Text value={known.name} /> : <code>{id.slice(0, 8)}…</code>}</a>;
}

export function EndpointChoice({ value, change, id, types }: { value: string; change: (id: string) => void; id?: string; types?: string[] }) {
  useEffect(() => void attempt(() => wantNames()), []);
  const all = [...namedEndpoints.value.values()].filter((one) => !types || types.includes(one.type)).sort((a, b) => a.name.localeCompare(b.name));
  return (
    <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
      <option value="">All endpoints</option>
      {value && !namedEndpoints.value.has(value) && <option value={value}>{value}</option>}
      {all.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
    </select>
  );
}
