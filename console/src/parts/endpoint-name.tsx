import { useEffect } from "preact/hooks";
import { attempt } from "./controls";
import { namedEndpoints, wantNames } from "../state/endpoint-names";
import { link } from "../state/route";
import { Text } from "./text";

/** An endpoint's name as a link to its card; the beginning of its id where the endpoint is gone. */
export function EndpointName({ id, name, above = true }: { id: string; name: string | undefined; above?: boolean }) {
  return <a class={above ? "above" : ""} href={link(["endpoints", id])}>{name === undefined ? <code>{id.slice(0, 8)}…</code> : <Text value={name} />}</a>;
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
