// How text, ids and dates of other people are shown: never as markup, never as a link, nothing in it invisible.
import type { ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import { say } from "../state/notices";
import { Icon } from "./icon";

/** Characters that are not seen or turn the direction of what follows: controls, zero width, bidi marks and overrides. */
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/;
const ODD_RUNS = new RegExp(`(${ODD.source}+)`, "g");

/** Text with what cannot be seen in it written out. */
export function Text({ value }: { value: string }) {
  if (!ODD.test(value)) return <span class="user-text">{value}</span>;
  return (
    <span class="user-text">
      {value.split(ODD_RUNS).map((part, index) =>
        index % 2 === 0 ? part : <span key={index} class="odd">{[...part].map(escaped).join("")}</span>,
      )}
    </span>
  );
}

/** A sentence of the API, in which names stand between backticks. */
export function Sentence({ value }: { value: string }) {
  return <>{value.split("`").map((part, index) => (index % 2 === 0 ? <Text key={index} value={part} /> : <code key={index}><Text value={part} /></code>))}</>;
}

export function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

const ABSOLUTE = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});
const STEPS: [number, Intl.RelativeTimeFormatUnit, number][] = [
  [60, "second", 1], [3600, "minute", 60], [86_400, "hour", 3600], [30 * 86_400, "day", 86_400],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

export function absolute(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : ABSOLUTE.format(date);
}

export function relative(text: string, now: number): string {
  const seconds = (new Date(text).getTime() - now) / 1000;
  if (Number.isNaN(seconds)) return text;
  if (Math.abs(seconds) < 5) return "now";
  for (const [below, unit, length] of STEPS) {
    if (Math.abs(seconds) < below) return RELATIVE.format(Math.trunc(seconds / length), unit);
  }
  return absolute(text);
}

/** One clock for all dates: a timer for each would be thousands. */
const clock = signal(Date.now());
setInterval(() => (clock.value = Date.now()), 15_000);

/** A date, as the time since or until. The full date is in the title and for screen readers. */
export function Time({ at, exact = false }: { at: string; exact?: boolean }) {
  const now = exact ? 0 : clock.value;
  return (
    <time dateTime={at} title={at} class="nowrap">
      {exact ? absolute(at) : relative(at, Math.max(now, Date.now()))}
    </time>
  );
}

/** When something will be done; what is due waits for its turn. */
export function Next({ at }: { at: string }) {
  return new Date(at).getTime() > Math.max(clock.value, Date.now()) ? <>next <Time at={at} /></> : <>the next is due</>;
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** Whether it was copied: where the clipboard is closed to the page, a person is told. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied ${what}.`);
  } catch {
    say(`The browser does not let this page copy. Select the ${what} and copy it yourself.`, { bad: true });
  }
}

export function CopyButton({ text, what, children }: { text: string | (() => string); what: string; children?: ComponentChildren }) {
  return (
    <button type="button" class="tiny plain copy above" aria-label={children ? undefined : `Copy ${what}`} title={`Copy ${what}`}
      onClick={() => void copy(typeof text === "string" ? text : text(), what)}>
      <Icon name="copy" />
      {children}
    </button>
  );
}

/** An id, whole, to read and to copy. */
export function Id({ value, what = "id" }: { value: string; what?: string }) {
  return (
    <span class="id">
      <code class="user-text">{value}</code>
      <CopyButton text={value} what={what} />
    </span>
  );
}

export function Code({ text, title, wrap = false, what = "code" }: { text: string; title?: string; wrap?: boolean; what?: string }) {
  const shown = text.length > 100_000 ? `${text.slice(0, 100_000)}\n… ${(text.length - 100_000).toLocaleString("en")} more characters: copy to see all` : text;
  return (
    <div class={title ? "code titled" : "code"}>
      {title ? (
        <header>
          <span>{title}</span>
          <CopyButton text={text} what={what} />
        </header>
      ) : (
        <CopyButton text={text} what={what} />
      )}
      <pre class={wrap ? "wrap" : ""} tabIndex={0} aria-label={title ?? what}><Text value={shown} /></pre>
    </div>
  );
}
