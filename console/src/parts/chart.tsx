// Counts over time as stacked bars. The numbers are in a table beside it for those who do not see it.
import { useEffect, useRef } from "preact/hooks";
import { effect } from "@preact/signals";
import { theme } from "../state/theme";

export interface Series {
  label: string;
  /** A colour of the style sheet, such as --good. */
  color: string;
  counts: number[];
}

/** @param starts the beginning of each bucket, in seconds since 1970. */
export function Chart({ title, starts, series }: { title: string; starts: number[]; series: Series[] }) {
  const host = useRef<HTMLDivElement>(null);
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
        remove = plot(element, starts, series);
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
  const total = (counts: number[]) => counts.reduce((sum, one) => sum + one, 0);
  return (
    <figure>
      <div ref={host} style={{ height: "180px", overflow: "hidden" }} aria-hidden="true" />
      <figcaption class="actions small" style={{ marginTop: "0.4rem" }}>
        <span class="visually-hidden">{title}: </span>
        {series.map((one) => (
          <span key={one.label} class="actions" style={{ gap: "0.35rem" }}>
            <span aria-hidden="true" style={{ width: "0.75rem", height: "0.75rem", borderRadius: "3px", background: `var(${one.color})` }} />
            {total(one.counts).toLocaleString("en")} {one.label}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
