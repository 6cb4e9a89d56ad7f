// Numbers over time, as stacked bars or as lines. They are in a table as well, for those who do not see the picture.
import { useEffect, useRef, useState } from "preact/hooks";
import { effect } from "@preact/signals";
import { theme } from "../state/theme";
import { duration } from "./text";

export interface Series {
  label: string;
  /** A colour of the style sheet, such as --good. */
  color: string;
  /** One for each bucket; null: there is none. Of lines milliseconds. */
  counts: readonly (number | null)[];
}

const WHEN = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
/** The API's days are those of UTC. */
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const DAY_SECONDS = 86_400;

/**
 * @param starts the beginning of each bucket, in seconds since 1970.
 * @param lines as lines of milliseconds; else as stacked bars of counts, whose sums stand below.
 * @param note about what is not in the picture.
 */
export function Chart({ title, starts, series, lines = false, note }: { title: string; starts: number[]; series: Series[]; lines?: boolean; note?: string | undefined }) {
  const host = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const key = JSON.stringify([starts, series]);
  useEffect(() => {
    let gone = false;
    const undo: (() => void)[] = [];
    void import("./plot").then(({ plot }) => {
      const element = host.current;
      if (gone || !element) return;
      let remove: (() => void) | null = null;
      const draw = () => {
        remove?.();
        remove = plot(element, starts, series, { lines, point: setAt });
      };
      // Another theme has other colours, and a canvas keeps what was drawn.
      const scheme = matchMedia("(prefers-color-scheme: dark)");
      scheme.addEventListener("change", draw);
      const resized = new ResizeObserver(draw);
      resized.observe(element);
      undo.push(
        effect(() => { void theme.value; draw(); }),
        () => scheme.removeEventListener("change", draw),
        () => resized.disconnect(),
        () => remove?.(),
      );
    }, () => undefined); // Its code could not be fetched: the numbers stand below.
    return () => {
      gone = true;
      for (const one of undo) one();
    };
  }, [key]);

  const total = (counts: Series["counts"]) => counts.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  const written = (one: number | null | undefined) => (one === null || one === undefined ? "–" : lines ? duration(one) : one.toLocaleString("en"));
  const length = (starts[1] ?? 0) - (starts[0] ?? 0);
  const when = (start: number) => (length >= DAY_SECONDS ? DAY : WHEN).format(start * 1000);
  const some = starts.flatMap((start, index) => (series.some((one) => one.counts[index]) ? [{ start, index }] : []));
  const pointed = at === null ? undefined : starts[at];
  return (
    <figure>
      <div ref={host} class="plot" aria-hidden="true" />
      <figcaption class="legend-line small">
        <span class="visually-hidden">{title}: </span>
        {series.map((one) => (
          <span key={one.color} class="key">
            <i aria-hidden="true" style={{ background: `var(${one.color})` }} />
            {at === null || pointed === undefined ? (lines ? one.label : `${total(one.counts).toLocaleString("en")} ${one.label}`) : `${written(one.counts[at])} ${lines ? one.label.replace(/ within .*/, "") : one.label}`}
          </span>
        ))}
        {pointed !== undefined ? <span class="muted nowrap">{when(pointed)}</span> : note && <span class="muted">{note}</span>}
      </figcaption>
      {some.length > 0 && (
        <details class="small numbers">
          <summary>Numbers</summary>
          <div class="table" role="region" aria-label={`${title}, as a table`} tabIndex={0}>
            <table>
              <thead><tr><th scope="col">From</th>{series.map((one) => <th key={one.color} scope="col">{lines ? one.label.replace(/ within .*/, " within") : one.label}</th>)}</tr></thead>
              <tbody>{some.map(({ start, index }) => <tr key={start}><th scope="row">{when(start)}</th>{series.map((one) => <td key={one.color}>{written(one.counts[index])}</td>)}</tr>)}</tbody>
            </table>
          </div>
        </details>
      )}
    </figure>
  );
}
