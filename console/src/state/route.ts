// The address in the fragment: `#/endpoints/<id>?tab=deliveries`. Fragments are not sent to any server.
import { computed, signal } from "@preact/signals";

export interface Route {
  path: string[];
  query: URLSearchParams;
}

const read = (): string => (location.hash.startsWith("#/") ? location.hash.slice(1) : "/");

const address = signal(read());
addEventListener("hashchange", () => (address.value = read()));

export const route = computed<Route>(() => {
  const [path = "", query = ""] = address.value.split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
});

/** The screen without its query: another one means that the person went somewhere else. */
export const screen = computed(() => route.value.path.join("/"));

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function link(path: string[], query: Record<string, string | null | undefined> = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) given.set(name, value);
  const text = given.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

export function go(path: string[], query: Record<string, string | null | undefined> = {}): void {
  location.hash = link(path, query);
}

/** Changes the query of the address without a new entry in the browser's history. */
export function setQuery(changes: Record<string, string | null>): void {
  const query = Object.fromEntries(route.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query[name] = value;
    else delete query[name];
  }
  history.replaceState(null, "", link(route.value.path, query));
  address.value = read();
}
