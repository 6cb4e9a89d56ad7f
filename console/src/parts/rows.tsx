// A list of any length as the rows near the window, with empty space for the others: a list of 10,000 is drawn as fast as one of 100.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const ROWS_PER_CHUNK = 25;
/** Above and below the window, so that rows are there before they are seen, and the next one by the keyboard always is. */
const MARGIN_PIXELS = 1200;
const FIRST_ESTIMATE_PIXELS = 64;

interface Span {
  first: number;
  last: number;
}

/**
 * @param row one row, an `li` with its key.
 * @param key tells two items apart.
 */
export function Rows<Item>({ items, label, row, ordered = false, columns }: {
  items: readonly Item[];
  label: string;
  row: (item: Item, index: number) => ComponentChildren;
  ordered?: boolean;
  columns?: string;
}) {
  const list = useRef<HTMLElement>(null);
  const heights = useRef(new Map<number, number>());
  const width = useRef(0);
  const count = Math.ceil(items.length / ROWS_PER_CHUNK);
  const [span, setSpan] = useState<Span>({ first: 0, last: 1 });
  const [focused, setFocused] = useState<number | null>(null);
  const windowed = count > 2;

  // Taken from the first rows that were drawn and kept: an estimate that changed would move all that stands below it.
  const usualHeight = useRef<number | null>(null);
  const estimate = (): number => usualHeight.current ?? FIRST_ESTIMATE_PIXELS * ROWS_PER_CHUNK;
  const heightOf = (chunk: number, usual: number): number => {
    const rows = Math.min(ROWS_PER_CHUNK, items.length - chunk * ROWS_PER_CHUNK);
    return heights.current.get(chunk) ?? (usual * rows) / ROWS_PER_CHUNK;
  };

  const look = (): void => {
    const element = list.current;
    if (!element) return;
    const top = element.getBoundingClientRect().top;
    const usual = estimate();
    let [at, first, last] = [top, -1, 0];
    for (let chunk = 0; chunk < count; chunk++) {
      const end = at + heightOf(chunk, usual);
      if (end >= -MARGIN_PIXELS && at <= innerHeight + MARGIN_PIXELS) {
        if (first < 0) first = chunk;
        last = chunk;
      }
      at = end;
    }
    if (first < 0) [first, last] = top > 0 ? [0, 0] : [count - 1, count - 1];
    setSpan((before) => (before.first === first && before.last === last ? before : { first, last }));
  };

  // What is drawn is measured: so the space for it is right when it leaves.
  useLayoutEffect(() => {
    const element = list.current;
    if (!element || !windowed) return;
    const now = element.clientWidth;
    if (now !== width.current) {
      heights.current.clear();
      usualHeight.current = null;
    }
    width.current = now;
    const drawn = new Map<number, DOMRect[]>();
    for (const one of element.children) {
      const index = Number((one as HTMLElement).dataset["index"]);
      if (Number.isNaN(index)) continue;
      const chunk = Math.floor(index / ROWS_PER_CHUNK);
      drawn.set(chunk, [...(drawn.get(chunk) ?? []), one.getBoundingClientRect()]);
    }
    for (const [chunk, boxes] of drawn) {
      const [top, bottom] = [boxes[0], boxes.at(-1)];
      if (top && bottom && boxes.length === Math.min(ROWS_PER_CHUNK, items.length - chunk * ROWS_PER_CHUNK)) heights.current.set(chunk, bottom.bottom - top.top);
    }
    usualHeight.current ??= heights.current.get(0) ?? null;
  });

  useEffect(() => {
    if (!windowed) return undefined;
    let asked = 0;
    const later = () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        look();
      });
    };
    look();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(asked);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [windowed, count, items]);

  const drawn: ComponentChildren[] = [];
  let space = 0;
  const usual = windowed ? estimate() : 0;
  const flush = (chunk: number) => {
    if (space > 0) drawn.push(<li key={`space before ${chunk}`} class="space" aria-hidden="true" style={{ height: `${space}px` }} />);
    space = 0;
  };
  for (let chunk = 0; chunk < count; chunk++) {
    if (windowed && (chunk < span.first || chunk > span.last) && chunk !== focused) {
      space += heightOf(chunk, usual);
      continue;
    }
    flush(chunk);
    const begin = chunk * ROWS_PER_CHUNK;
    for (let index = begin; index < Math.min(begin + ROWS_PER_CHUNK, items.length); index++) drawn.push(row(items[index] as Item, index));
  }
  flush(count);

  const List = ordered ? "ol" : "ul";
  // The row that has the focus stays, however far away it is scrolled.
  const focus = (event: FocusEvent) => {
    const index = Number((event.target as HTMLElement).closest<HTMLElement>("[data-index]")?.dataset["index"]);
    setFocused(Number.isNaN(index) ? null : Math.floor(index / ROWS_PER_CHUNK));
  };
  return (
    <List ref={list as never} class="rows" aria-label={label} onFocusIn={focus} onFocusOut={() => setFocused(null)} {...(columns ? { style: { "--columns": columns } } : {})}>
      {drawn}
    </List>
  );
}

/** What tells a row's place, also to those who do not see how long the list is. */
export function place(index: number, of: number, more = false): { "data-index": number; "aria-posinset": number; "aria-setsize": number } {
  return { "data-index": index, "aria-posinset": index + 1, "aria-setsize": more ? -1 : of };
}
