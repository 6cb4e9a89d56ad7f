// Who is signed in, and what the page knows of its stack. The token is kept in memory and in sessionStorage: it ends with the tab,
// and is never in a cookie, in the address or in anything that is sent but the API's own header.
import { computed, signal } from "@preact/signals";

const KEY = "event-service-token";
const SETTINGS_SECONDS = 5;
const PROBE_SECONDS = 5;

/** What functions/console serves as settings.json. */
export interface Settings {
  webSocketUrl: string;
  stack: string;
  region: string;
  release: string;
  eventRetentionDays: number;
  socketRetentionHours: number;
  webhookTimeoutSeconds: number;
  maxEndpoints: number;
  maxEventFilters: number;
}

/** Where the stack's HTTP API begins. The page is at `<base>/console`, under whatever stage or proxy. */
export const base = location.origin + location.pathname.replace(/\/console\/?[^/]*$/, "");
export const graphqlUrl = `${base}/event-service/graphql`;

export const token = signal<string | null>(null);
export const workspaceId = signal<string | null>(null);
export const settings = signal<Settings | null>(null);
/** Why the person has to sign in again; null at the first time. */
export const endedBecause = signal<string | null>(null);
export const online = signal(navigator.onLine);
export const signedIn = computed(() => token.value !== null);

/** Takes the token that the address carries, removes it from the address, and else takes this tab's. */
export function begin(): void {
  if (!takeFromAddress()) token.value = sessionStorage.getItem(KEY);
  // A sign-in link that is opened in a tab that is already here loads nothing.
  addEventListener("hashchange", takeFromAddress);
  addEventListener("online", () => (online.value = true));
  addEventListener("offline", () => (online.value = false));
  // A call said that nobody answers: whether that is over is asked of what costs least.
  setInterval(() => {
    if (!online.value && document.visibilityState === "visible") void fetch(`${base}/console/settings.json`, { method: "HEAD", cache: "no-store" }).then((answer) => (online.value = answer.ok), () => undefined);
  }, PROBE_SECONDS * 1000);
}

function takeFromAddress(): boolean {
  const given = /[#&]token=([^&]+)/.exec(location.hash)?.[1];
  if (!given) return false;
  history.replaceState(null, "", `${location.pathname}${location.search}#/`);
  keep(decodeURIComponent(given));
  return true;
}

export function keep(text: string): void {
  sessionStorage.setItem(KEY, text);
  endedBecause.value = null;
  token.value = text;
}

export function end(reason: string | null): void {
  sessionStorage.removeItem(KEY);
  endedBecause.value = reason;
  token.value = null;
  workspaceId.value = null;
}

/** Asks until it is answered: the page may have been opened without a connection. */
export async function loadSettings(): Promise<void> {
  try {
    const answer = await fetch(`${base}/console/settings.json`);
    if (answer.ok) settings.value = (await answer.json()) as Settings;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  if (!settings.value) setTimeout(() => void loadSettings(), SETTINGS_SECONDS * 1000);
}
