// The names of endpoints and of event filters by id: for choices among many, and for lists that the API answers with ids only.
import { effect, signal, type Signal } from "@preact/signals";
import { call } from "../api/client";
import { EndpointNames, FilterNames, type EndpointNamesAnswer, type FilterNamesAnswer } from "../api/documents";
import type { Page } from "../api/query";
import { token } from "./session";

/** Read of a workspace, the oldest. */
export const MOST_NAMES = 10_000;
const FRESH_SECONDS = 30;

export interface Named {
  id: string;
  name: string;
}

export class Names<One extends Named> {
  readonly known: Signal<ReadonlyMap<string, One>> = signal(new Map());
  /** Whether there are more. */
  readonly cut = signal(false);
  private readAt = 0;
  private reading: Promise<void> | null = null;

  constructor(private readonly readPage: (after: string | null) => Promise<Page<One>>) {
    // Another token may belong to another workspace.
    effect(() => {
      void token.value;
      this.known.value = new Map();
      this.readAt = 0;
      this.reading = null;
    });
  }

  /** Reads the names unless they are fresh. Safe to call from every part of a screen: one read at a time. */
  want(now = false): Promise<void> {
    if (this.reading) return this.reading;
    if (!now && this.readAt > 0 && performance.now() - this.readAt < FRESH_SECONDS * 1000) return Promise.resolve();
    const mine: Promise<void> = this.read().finally(() => {
      if (this.reading === mine) this.reading = null;
    });
    this.reading = mine;
    return mine;
  }

  private async read(): Promise<void> {
    const asked = token.value;
    const found = new Map<string, One>();
    let after: string | null = null;
    do {
      const page: Page<One> = await this.readPage(after);
      for (const one of page.collectionItems) found.set(one.id, one);
      after = page.hasNextPage ? page.endCursor : null;
    } while (after !== null && found.size < MOST_NAMES);
    if (token.value !== asked) return;
    this.known.value = found;
    this.cut.value = after !== null;
    this.readAt = performance.now();
  }
}

export type NamedEndpoint = EndpointNamesAnswer["endpoints"]["collectionItems"][number];
export type NamedFilter = FilterNamesAnswer["eventsFilters"]["collectionItems"][number];

export const endpointNames = new Names<NamedEndpoint>(async (after) => (await call(EndpointNames, { after })).endpoints);
export const filterNames = new Names<NamedFilter>(async (after) => (await call(FilterNames, { after })).eventsFilters);
