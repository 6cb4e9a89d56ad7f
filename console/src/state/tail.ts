// The live tail: a client of our own socket protocol, with a socket endpoint that lives as long as the screen.
import { signal } from "@preact/signals";
import { call } from "../api/client";
import { CreateWebSocketEndpoint, DeleteEndpoints, Endpoints, type Json } from "../api/documents";
import { graphqlUrl, settings, token } from "./session";

export interface TailEvent {
  sequence: number;
  id: string;
  type: string;
  date: string;
  data: Json;
}

export interface Gap {
  gap: true;
  from: number;
  to: number;
}

export type Row = TailEvent | Gap;

export type TailState = "connecting" | "open" | "paused" | "lost";

/** What the name of a tail's endpoint begins with. */
export const TAIL_NAME = "Console live tail";
const LABELS = { "made-by": "console-live" };
const KEPT_ROWS = 500;
const PING_SECONDS = 300;
const LEFT_OVER_SECONDS = 86_400;
const FIRST_WAIT_SECONDS = 0.5;
const LONGEST_WAIT_SECONDS = 20;

interface Frame {
  notice?: string;
  reason?: string;
  sequence?: number;
  next?: number;
  from?: number;
  to?: number;
  id?: string;
  type?: string;
  date?: string;
  data?: Json;
}

export class Tail {
  readonly rows = signal<readonly Row[]>([]);
  readonly state = signal<TailState>("connecting");
  readonly received = signal(0);
  /** Frames that came again with a sequence that was handled: dropped, as the protocol says. */
  readonly repeats = signal(0);
  readonly sequence = signal<number | null>(null);
  endpointId: string | null = null;

  private last = Number.MAX_SAFE_INTEGER;
  /** Whether nothing came yet on this connection. */
  private first = true;
  private socket: WebSocket | null = null;
  private ping: ReturnType<typeof setInterval> | null = null;
  private wait = FIRST_WAIT_SECONDS;
  private again: ReturnType<typeof setTimeout> | null = null;
  private ended = false;

  /** Makes the endpoint, linked to the filters given, and connects. */
  async start(eventFiltersIds: string[]): Promise<void> {
    await removeLeftOvers();
    const made = (await call(CreateWebSocketEndpoint, { name: `${TAIL_NAME} ${new Date().toISOString().slice(0, 19)}`, eventFiltersIds, labels: LABELS })).createWebSocketEndpoint;
    if (!made) return;
    this.endpointId = made.id;
    if (this.ended) this.remove();
    else this.connect();
  }

  /** Closes the connection; the service keeps what comes. */
  pause(): void {
    this.state.value = "paused";
    this.close();
  }

  /** Connects where it left off: what came meanwhile is sent first. */
  resume(): void {
    this.state.value = "connecting";
    this.connect();
  }

  clear(): void {
    this.rows.value = [];
  }

  end(): void {
    this.ended = true;
    this.close();
    this.remove();
  }

  private connect(): void {
    const known = settings.value;
    const now = token.value;
    if (!known || !now || !this.endpointId || this.ended || this.state.value === "paused") return;
    // The token is a subprotocol: an address would be written down in logs.
    const socket = new WebSocket(`${known.webSocketUrl}?endpoint_id=${encodeURIComponent(this.endpointId)}&after=${this.last}`, ["token", now]);
    this.socket = socket;
    this.first = true;
    socket.onopen = () => {
      this.wait = FIRST_WAIT_SECONDS;
      this.state.value = "open";
      this.ping = setInterval(() => socket.send('{"action":"ping"}'), PING_SECONDS * 1000);
    };
    socket.onmessage = (message: MessageEvent<string>) => this.take(JSON.parse(message.data) as Frame);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.close();
      if (this.ended || this.state.value === "paused") return;
      this.state.value = "lost";
      this.again = setTimeout(() => this.connect(), this.wait * 1000 * (0.8 + 0.4 * Math.random()));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_SECONDS);
    };
  }

  private take(frame: Frame): void {
    if (frame.notice === "reset") {
      // It counts only as the first thing on a connection.
      if (this.first && frame.next !== undefined) this.last = frame.next - 1;
      this.first = false;
      this.sequence.value = this.last;
      return;
    }
    if (frame.notice === "gap") {
      this.first = false;
      if (frame.to === undefined) return;
      const known = this.last !== Number.MAX_SAFE_INTEGER;
      if (known && frame.from !== undefined && frame.to > this.last && frame.reason !== "filtered" && this.received.value > 0) this.show({ gap: true, from: frame.from, to: frame.to });
      this.last = known ? Math.max(this.last, frame.to) : frame.to;
      this.sequence.value = this.last;
      return;
    }
    if (frame.sequence === undefined) return;
    this.first = false;
    if (this.last !== Number.MAX_SAFE_INTEGER && frame.sequence <= this.last) {
      this.repeats.value += 1;
      return;
    }
    this.last = frame.sequence;
    this.sequence.value = frame.sequence;
    this.received.value += 1;
    this.show({
      sequence: frame.sequence, id: frame.id ?? "", type: frame.type ?? (frame.notice === "too-large" ? "(too large to show)" : ""), date: frame.date ?? "", data: frame.data ?? null,
    });
  }

  private show(row: Row): void {
    this.rows.value = [row, ...this.rows.value.slice(0, KEPT_ROWS - 1)];
  }

  private close(): void {
    if (this.ping) clearInterval(this.ping);
    if (this.again) clearTimeout(this.again);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Also while the page is being left: the request outlives it. */
  private remove(): void {
    if (!this.endpointId || !token.value) return;
    removal = fetch(graphqlUrl, {
      method: "POST",
      keepalive: true,
      credentials: "omit",
      headers: { "content-type": "application/json", token: token.value },
      body: JSON.stringify({ query: DeleteEndpoints.text, variables: { ids: [this.endpointId] } }),
    }).catch(() => undefined);
    this.endpointId = null;
  }
}

let removal: Promise<unknown> = Promise.resolve();

/** Waits until the endpoint of a tail that was just left is removed, for two seconds at most: a list of endpoints would show it. */
export async function tailsRemoved(): Promise<void> {
  await Promise.race([removal, new Promise((resolve) => setTimeout(resolve, 2000))]);
}

/** Endpoints of tabs that ended without a word. A connection lasts two hours at most, so a day old one is nobody's. */
async function removeLeftOvers(): Promise<void> {
  const all = (await call(Endpoints, { filters: { labels: LABELS }, first: 200 })).endpoints.collectionItems;
  const old = all.filter((one) => Date.now() - new Date(one.creationDate).getTime() > LEFT_OVER_SECONDS * 1000);
  if (old.length) await call(DeleteEndpoints, { ids: old.slice(0, 100).map((one) => one.id) });
}
