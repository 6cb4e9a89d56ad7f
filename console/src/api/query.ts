import { useEffect, useRef, useState } from "preact/hooks";
import { online, token } from "../state/session";
import { ApiError, call } from "./client";
import type { Operation } from "./documents";

export interface Query<Answer> {
  /** The last answer; it stays while a newer one is fetched, so nothing jumps. */
  answer: Answer | null;
  error: ApiError | null;
  loading: boolean;
  reload: () => Promise<void>;
}

/**
 * What an operation answers, fetched again when its variables change.
 *
 * @param every seconds after which it is asked again while the page is visible.
 */
export function useQuery<Answer, Variables>(
  operation: Operation<Answer, Variables>,
  variables: Variables,
  { every = 0, skip = false }: { every?: number; skip?: boolean } = {},
): Query<Answer> {
  const key = JSON.stringify(variables);
  const [state, setState] = useState<{ key: string; answer: Answer | null; error: ApiError | null; loading: boolean }>({
    key,
    answer: null,
    error: null,
    loading: !skip,
  });
  const current = useRef(key);
  current.current = key;

  const load = async (): Promise<void> => {
    setState((before) => ({ ...before, loading: true }));
    try {
      const answer = await call(operation, variables);
      if (current.current === key) setState({ key, answer, error: null, loading: false });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // What is on the screen stays while the network is away for a moment.
      if (current.current === key)
        setState((before) => ({ key, answer: error.fault === "offline" && before.key === key ? before.answer : null, error, loading: false }));
    }
  };

  useEffect(() => {
    if (skip || token.value === null) return undefined;
    void load();
    if (every === 0) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && token.value !== null) void load();
    }, every * 1000);
    return () => clearInterval(timer);
  }, [operation, key, every, skip]);

  useConnection(state.error?.fault === "offline", load);

  return { answer: state.answer, error: state.error, loading: state.loading, reload: load };
}

/** Does something again once the connection is there again, if it was missing. */
export function useConnection(missing: boolean, again: () => unknown): void {
  const there = online.value;
  useEffect(() => {
    if (there && missing) void again();
  }, [there, missing]);
}

/** A page of a list, as every list of the API answers. */
export interface Page<Item> {
  collectionItems: Item[];
  endCursor: string | null;
  hasNextPage: boolean;
}

/** All pages that were asked for of a list, one after the other. */
export interface Pages<Item> {
  items: Item[];
  more: boolean;
  error: ApiError | null;
  loading: boolean;
  /** Before the first answer. */
  first: boolean;
  reload: () => Promise<void>;
  next: () => Promise<void>;
}

const PAGE = 50;
const LARGEST_PAGE = 1000;
const FOLLOWED = 200;

/**
 * A list, page by page.
 *
 * @param fetchPage the first items after a cursor.
 * @param key of what is asked for: another one begins anew.
 * @param every seconds after which what is shown is fetched again, as long as it is not long.
 */
export function usePages<Item extends { id: string }>(
  fetchPage: (first: number, after: string | null) => Promise<Page<Item>>,
  key: string,
  { every = 0 }: { every?: number } = {},
): Pages<Item> {
  const [state, setState] = useState<Omit<Pages<Item>, "reload" | "next">>({ items: [], more: false, error: null, loading: true, first: true });
  const current = useRef(key);
  current.current = key;
  const shown = useRef(0);
  const cursor = useRef<string | null>(null);

  const load = async (after: string | null): Promise<void> => {
    setState((before) => ({ ...before, loading: true }));
    try {
      // As much again each time: a list of 10,000 takes a dozen calls.
      const page = await fetchPage(Math.min(LARGEST_PAGE, Math.max(PAGE, shown.current)), after);
      if (current.current !== key) return;
      cursor.current = page.endCursor;
      setState((before) => {
        const known = new Set(after === null ? [] : before.items.map((one) => one.id));
        const items = after === null ? page.collectionItems : [...before.items, ...page.collectionItems.filter((one) => !known.has(one.id))];
        shown.current = items.length;
        return { items, more: page.hasNextPage, error: null, loading: false, first: false };
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (current.current === key)
        setState((before) => ({ ...before, items: error.fault === "offline" ? before.items : [], error, loading: false, first: false }));
    }
  };

  useEffect(() => {
    shown.current = 0;
    setState((before) => ({ ...before, first: true }));
    void load(null);
    if (every === 0) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && token.value !== null && shown.current <= FOLLOWED) void load(null);
    }, every * 1000);
    return () => clearInterval(timer);
  }, [key, every]);

  useConnection(state.error?.fault === "offline", () => load(null));

  return { ...state, reload: () => load(null), next: () => load(cursor.current) };
}
