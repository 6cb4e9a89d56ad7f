// Calls of the GraphQL API. The only module that sends the token.
import { signal } from "@preact/signals";
import { end, graphqlUrl, online, token } from "../state/session";
import type { Operation } from "./documents";

const TIMEOUT_SECONDS = 40;
const SHOWN_SENTENCES = 5;

export type Fault = "offline" | "signed-out" | "refused" | "failed";

/** Why a call did not succeed, in the API's own words where it had any. */
export class ApiError extends Error {
  constructor(
    readonly fault: Fault,
    message: string,
    readonly code: string | null = null,
    readonly requestId: string | null = null,
    readonly details: readonly GraphqlError[] = [],
  ) {
    super(message);
  }

  /** The sentences, one for each problem. */
  get problems(): string[] {
    return [...new Set(this.details.flatMap((one) => one.extensions?.problems ?? [one.message]))];
  }
}

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; requestId?: string; problems?: string[]; ids?: string[] };
}

export interface Call {
  operation: Operation<unknown, never>;
  variables: unknown;
  milliseconds: number;
}

/** The calls that drew the present screen, each operation once, and the last change that it made. */
export const calls = signal<readonly Call[]>([]);

export function forgetCalls(): void {
  calls.value = [];
}

/** @param sent the token; without it that of the session. */
export async function call<Answer, Variables>(operation: Operation<Answer, Variables>, variables: Variables, sent: string | null = token.value): Promise<Answer> {
  const began = performance.now();
  const body = JSON.stringify({ query: operation.text, operationName: operation.name, variables });
  const answer = await send(body, sent);
  const made: Call = { operation: operation as Operation<unknown, never>, variables, milliseconds: performance.now() - began };
  calls.value = [...calls.value.filter((one) => one.operation.name !== operation.name), made];
  const parsed = await read(answer);
  const errors = parsed.errors ?? [];
  const first = errors[0];
  if (first === undefined) return parsed.data as Answer;
  const code = first.extensions?.code ?? null;
  if (code === "UNAUTHENTICATED") {
    if (sent !== null && token.value === sent) end("The token is not valid any more: it was revoked, or belongs to another stack. Sign in with another one.");
    throw new ApiError("signed-out", first.message, code);
  }
  // One fault of a list's items comes once for each item.
  const sentences = [...new Set(errors.map((one) => one.message))];
  const message = sentences.slice(0, SHOWN_SENTENCES).join(" ") + (sentences.length > SHOWN_SENTENCES ? ` And ${sentences.length - SHOWN_SENTENCES} more.` : "");
  throw new ApiError(code === "INTERNAL" ? "failed" : "refused", message, code, first.extensions?.requestId ?? null, errors);
}

async function send(body: string, sent: string | null): Promise<Response> {
  try {
    const answer = await fetch(graphqlUrl, {
      method: "POST",
      headers: { "content-type": "application/json", ...(sent ? { token: sent } : {}) },
      body,
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
    });
    online.value = true;
    return answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError")
      throw new ApiError("failed", `The API did not answer within ${TIMEOUT_SECONDS} s. Whether anything was done is not known.`);
    online.value = false;
    throw new ApiError("offline", "The API cannot be reached. Either this device is offline, or the service is not there.");
  }
}

interface Body {
  data?: unknown;
  errors?: GraphqlError[];
}

async function read(answer: Response): Promise<Body> {
  const text = await answer.text();
  try {
    const parsed = JSON.parse(text) as Body;
    if (parsed.errors?.length || parsed.data !== undefined) return parsed;
  } catch {
    // A proxy's or the gateway's own page: said below.
  }
  throw new ApiError("failed", `The API answered with status ${answer.status} and no GraphQL: ${text.slice(0, 200) || "nothing"}.`);
}
