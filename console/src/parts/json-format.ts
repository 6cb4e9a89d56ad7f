import type { Json } from "../api/documents";

const WIDTH = 60;

/** JSON as a person writes it: what is short stays on one line. */
export function format(value: Json | undefined, indent = ""): string {
  if (value === undefined) return "";
  const line = oneLine(value);
  if (line.length + indent.length <= WIDTH || value === null || typeof value !== "object") {
    // The outermost object is always opened: it is there to be written in.
    if (indent !== "" || value === null || typeof value !== "object" || Array.isArray(value)) return line;
  }
  const inner = `${indent}  `;
  if (Array.isArray(value)) return value.length ? `[\n${value.map((one) => inner + format(one, inner)).join(",\n")}\n${indent}]` : "[]";
  const entries = Object.entries(value);
  return entries.length ? `{\n${entries.map(([key, one]) => `${inner}${JSON.stringify(key)}: ${format(one, inner)}`).join(",\n")}\n${indent}}` : "{}";
}

function oneLine(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  const entries = Object.entries(value);
  return entries.length ? `{ ${entries.map(([key, one]) => `${JSON.stringify(key)}: ${oneLine(one)}`).join(", ")} }` : "{}";
}
