import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "event-service-theme";
const known = (text: string | null): Theme => (text === "light" || text === "dark" ? text : "system");

export const theme = signal<Theme>(known(localStorage.getItem(KEY)));

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
  if (theme.value === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme.value);
});

/** Whether the page is dark now, whoever decided it. */
export function isDark(): boolean {
  return theme.value === "dark" || (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}
