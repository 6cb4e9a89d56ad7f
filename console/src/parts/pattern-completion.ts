// What an event pattern may say at a place, for completion.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";

const FIELDS: Completion[] = [
  ["type", "the event's type, as published"], ["data", "what was published"], ["agentId", "who published it"], ["cameraId", "the camera"], ["id", "the event's id"],
  ["date", "when it happened"], ["workspaceId", "the workspace"], ["$or", "one of several patterns"],
].map(([label, detail]): Completion => ({ label: `"${label}"`, detail: detail ?? "", type: "property" }));
const OPERATORS: Completion[] = [
  ["exactly", "equal, character for character"], ["prefix", "begins with"], ["suffix", "ends with"], ["anything-but", "none of these"], ["numeric", '[">", 100, "<=", 200]'], ["exists", "true or false"],
  ["equals-ignore-case", "equal without case"], ["wildcard", "* stands for anything"], ["cidr", "an IP address in a network"],
].map(([label, detail]): Completion => ({ label: `"${label}"`, detail: detail ?? "", type: "keyword" }));

/** Operators inside of a list, fields elsewhere; nothing in the middle of a value. */
export function completePattern(context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/"[\w$-]*/);
  if (!word && !context.explicit) return null;
  const before = context.state.sliceDoc(0, word?.from ?? context.pos);
  if (/:\s*$/.test(before)) return null;
  const open = openBrackets(before);
  if (open.at(-1) !== "{") return null;
  const options = open.includes("[") && !/"\$or"\s*:\s*\[[^\]]*$/.test(before) ? OPERATORS : open.length === 1 || /"\$or"\s*:\s*\[[^\]]*$/.test(before) ? FIELDS : [];
  return options.length ? { from: word?.from ?? context.pos, options, validFor: /^"[\w$-]*"?$/ } : null;
}

function openBrackets(text: string): string[] {
  const open: string[] = [];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const one = text[at];
    if (quoted) {
      if (one === "\\") at++;
      else if (one === '"') quoted = false;
    } else if (one === '"') quoted = true;
    else if (one === "{" || one === "[") open.push(one);
    else if (one === "}" || one === "]") open.pop();
  }
  return open;
}
