import { useEffect, useRef, useState } from "preact/hooks";
import { token } from "../state/session";
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

  return { answer: state.answer, error: state.error, loading: state.loading, reload: load };
}

/** All pages that were asked for of a list, one after the other. */
export interface Pages<Item> {
  items: Item[];
  /** Whether the last page was full, so that there may be another. */
  more: boolean;
  error: ApiError | null;
  loading: boolean;
  /** Before the first answer. */
  first: boolean;
  reload: () => Promise<void>;
  next: () => Promise<void>;
}

const PAGE = 50;

export function usePages<Item extends { id: string }>(
  fetchPage: (offset: number, limit: number) => Promise<Item[]>,
  key: string,
  { every = 0 }: { every?: number } = {},
): Pages<Item> {
  const [state, setState] = useState<{ items: Item[]; more: boolean; error: ApiError | null; loading: boolean; first: boolean }>({
    items: [],
    more: false,
    error: null,
    loading: true,
    first: true,
  });
  const current = useRef(key);
  current.current = key;
  const shown = useRef(0);

  const load = async (offset: number): Promise<void> => {
    setState((before) => ({ ...before, loading: true }));
    try {
      // A reload fetches as many as are shown, at most 1,000, which is the API's largest page.
      const limit = offset === 0 ? Math.min(1000, Math.max(PAGE, shown.current)) : PAGE;
      const page = await fetchPage(offset, limit);
      if (current.current !== key) return;
      setState((before) => {
        const items = offset === 0 ? page : [...before.items, ...page.filter((one) => !before.items.some((old) => old.id === one.id))];
        shown.current = items.length;
        return { items, more: page.length === limit, error: null, loading: false, first: false };
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
    void load(0);
    if (every === 0) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && token.value !== null && shown.current <= 200) void load(0);
    }, every * 1000);
    return () => clearInterval(timer);
  }, [key, every]);

  return { ...state, reload: () => load(0), next: () => load(shown.current) };
}
