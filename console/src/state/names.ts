// The names of endpoints by id, for lists that the API answers with ids only.
import { signal } from "@preact/signals";
import { call } from "../api/client";
import { EndpointNames, type EndpointNamesAnswer } from "../api/documents";

export type NamedEndpoint = EndpointNamesAnswer["endpoints"]["collectionItems"][number];

const MOST = 10_000;
const FRESH_SECONDS = 30;

export const namedEndpoints = signal<ReadonlyMap<string, NamedEndpoint>>(new Map());
let readAt = 0;
let reading: Promise<void> | null = null;

/** Reads the names unless they are fresh. Safe to call from every part of a screen: one read at a time. */
export function wantNames(now = false): Promise<void> {
  if (reading) return reading;
  if (!now && performance.now() - readAt < FRESH_SECONDS * 1000 && readAt > 0) return Promise.resolve();
  reading = (async () => {
    const found = new Map<string, NamedEndpoint>();
    let after: string | null = null;
    do {
      const page: EndpointNamesAnswer["endpoints"] = (await call(EndpointNames, { after })).endpoints;
      for (const one of page.collectionItems) found.set(one.id, one);
      after = page.hasNextPage ? page.endCursor : null;
    } while (after !== null && found.size < MOST);
    namedEndpoints.value = found;
    readAt = performance.now();
  })().finally(() => (reading = null));
  return reading;
}
