// From what is wrong with a JSON text to the place in it.
import type { Text } from "@codemirror/state";
import type { SyntaxNode, Tree } from "@lezer/common";

export interface PlacedFault {
  /** Keys and indexes from the top of the text. */
  path: (string | number)[];
  message: string;
}

/** What JSON.parse finds wrong and where; null where it finds nothing. */
export function jsonFault(text: string): { at: number; message: string } | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const at = /position (\d+)/.exec(message)?.[1];
    return { at: at === undefined ? Math.max(0, text.length - 1) : Number(at), message: `This is not JSON: ${message.replace(/ in JSON at position.*$/, "")}.` };
  }
}

const STEP = /\.([^.[\]:\s]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/;
const WHERE = new RegExp(`^\\w+(?:${STEP.source})*(?=: )`);

/** `eventFiltersInput.pattern.data.total[0]: reason` for a text that holds what is at `eventFiltersInput.pattern`. */
export function placedFaults(problems: readonly string[], prefix: string): { placed: PlacedFault[]; others: string[] } {
  const placed: PlacedFault[] = [];
  const others: string[] = [];
  for (const problem of problems) {
    const where = WHERE.exec(problem)?.[0] ?? "";
    if (where === prefix || where.startsWith(`${prefix}.`) || where.startsWith(`${prefix}[`)) {
      placed.push({ path: steps(where.slice(prefix.length)), message: problem });
    } else {
      others.push(problem);
    }
  }
  return { placed, others };
}

function steps(text: string): (string | number)[] {
  return [...text.matchAll(new RegExp(STEP, "g"))].map(([, key, index, quoted]) => key ?? (quoted === undefined ? Number(index) : (JSON.parse(`"${quoted}"`) as string)));
}

/** The deepest part of the text that a path leads to. */
export function placeOf(tree: Tree, text: Text, path: readonly (string | number)[]): { from: number; to: number } {
  let node: SyntaxNode | null = tree.topNode.firstChild;
  let place = { from: 0, to: text.length };
  for (const step of path) {
    if (!node) break;
    const child: { mark: SyntaxNode; value: SyntaxNode | null } | null = inside(node, text, step);
    if (!child) break;
    place = { from: child.mark.from, to: child.mark.to };
    node = child.value;
  }
  return place;
}

function inside(node: SyntaxNode, text: Text, step: string | number): { mark: SyntaxNode; value: SyntaxNode | null } | null {
  if (node.name === "Array") {
    let left = Number(step);
    for (let one = node.firstChild; one; one = one.nextSibling) {
      if ("[],".includes(one.name) || one.type.isError) continue;
      if (left-- === 0) return { mark: one, value: one };
    }
    return null;
  }
  for (const property of node.getChildren("Property")) {
    const name = property.getChild("PropertyName");
    if (name && unquoted(text.sliceString(name.from, name.to)) === String(step)) return { mark: name, value: property.lastChild };
  }
  return null;
}

function unquoted(text: string): string | null {
  try {
    return String(JSON.parse(text));
  } catch {
    return null;
  }
}
