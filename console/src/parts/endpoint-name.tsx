import { link } from "../state/route";
import { Text } from "./text";

/** An endpoint's name as a link to its card; the beginning of its id where the endpoint is gone. */
export function EndpointName({ id, name, above = true }: { id: string; name: string | undefined; above?: boolean }) {
  return <a class={above ? "above" : ""} href={link(["endpoints", id])}>{name === undefined ? <code>{id.slice(0, 8)}…</code> : <Text value={name} />}</a>;
}
