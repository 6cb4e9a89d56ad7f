// Keys without Ctrl can be turned off: who speaks to the computer, or hits keys by accident, would go somewhere by them.
import { signal } from "@preact/signals";

const KEY = "event-service-shortcuts";

export const singleKeys = signal(localStorage.getItem(KEY) !== "off");

export function allowSingleKeys(on: boolean): void {
  singleKeys.value = on;
  if (on) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, "off");
}

/** After `g`, the letter that leads to each screen. */
export const GO_KEYS: Record<string, string> = { h: "", l: "live", e: "events", p: "endpoints", f: "filters", d: "deliveries", c: "changes", s: "settings" };
