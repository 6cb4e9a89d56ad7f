// A JSON value as a tree. It is drawn as far as it is opened, so that neither its depth nor its size can hang the page.
import { useState } from "preact/hooks";
import type { Json } from "../api/documents";
import { CopyButton, Text } from "./text";

const OPEN_DEPTH = 3;
const ENTRIES = 100;
const CHARACTERS = 400;

export function JsonTree({ value, label, pick }: { value: Json; label: string; pick?: (path: string[], value: Json) => void }) {
  return (
    <div class="code">
      <CopyButton text={() => JSON.stringify(value, null, 2)} what={label} />
      <div class="json" role="group" aria-label={label}><Node value={value} path={[]} pick={pick} /></div>
    </div>
  );
}

type Pick = ((path: string[], value: Json) => void) | undefined;

function Node({ value, path, name, pick }: { value: Json; path: string[]; name?: string; pick?: Pick }) {
  const [open, setOpen] = useState(path.length < OPEN_DEPTH);
  const [shown, setShown] = useState(ENTRIES);
  const key = name === undefined ? null : <><span class="key"><Text value={short(name)} /></span>: </>;
  if (value === null || typeof value !== "object") {
    const leaf = <>{key}<Leaf value={value} /></>;
    if (!pick || path.length === 0) return leaf;
    return <button type="button" class="link" onClick={() => pick(path, value)}>{leaf}</button>;
  }
  const entries: [string, Json][] = Array.isArray(value) ? value.map((one, index) => [String(index), one]) : Object.entries(value);
  const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <>{key}{left}{right}</>;
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{key}{left}<span class="count"> {entries.length} {Array.isArray(value) ? (entries.length === 1 ? "item" : "items") : (entries.length === 1 ? "key" : "keys")} </span>{right}</summary>
      {open && (
        <ul>
          {entries.slice(0, shown).map(([inner, one]) => (
            <li key={inner}><Node value={one} name={inner} path={[...path, inner]} pick={pick} /></li>
          ))}
          {entries.length > shown && (
            <li><button type="button" class="tiny" onClick={() => setShown(shown + 10 * ENTRIES)}>Show more of {entries.length.toLocaleString("en")}</button></li>
          )}
        </ul>
      )}
    </details>
  );
}

function Leaf({ value }: { value: null | boolean | number | string }) {
  const [all, setAll] = useState(false);
  if (typeof value === "number") return <span class="number">{String(value)}</span>;
  if (typeof value !== "string") return <span class="literal">{String(value)}</span>;
  if (value.length <= CHARACTERS || all) return <span class="string">"<Text value={value} />"</span>;
  return (
    <>
      <span class="string">"<Text value={value.slice(0, CHARACTERS)} />…"</span>{" "}
      <button type="button" class="tiny" onClick={() => setAll(true)}>Show all {value.length.toLocaleString("en")} characters</button>
    </>
  );
}

function short(name: string): string {
  return name.length > CHARACTERS ? `${name.slice(0, CHARACTERS)}…` : name;
}
