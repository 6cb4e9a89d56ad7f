// What an action did, said in one line at the edge of the page and to screen readers.
import { signal } from "@preact/signals";

export interface Notice {
  number: number;
  text: string;
  bad: boolean;
  undo: (() => void) | null;
}

const SECONDS = 8;
let last = 0;

export const notices = signal<Notice[]>([]);

export function say(text: string, options: { bad?: boolean; undo?: () => void } = {}): void {
  // Several parts of a screen fail for one reason: it is said once.
  if (options.bad && notices.value.some((one) => one.text === text)) return;
  const notice: Notice = { number: ++last, text, bad: options.bad ?? false, undo: options.undo ?? null };
  notices.value = [...notices.value.slice(-3), notice];
  if (!notice.bad) setTimeout(() => dismiss(notice.number), SECONDS * 1000);
}

export function dismiss(number: number): void {
  notices.value = notices.value.filter((one) => one.number !== number);
}
