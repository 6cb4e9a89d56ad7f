// CodeMirror for JSON. A file of its own, fetched when the first editor is drawn.
import { closeBrackets, autocompletion, completionKeymap, type CompletionSource } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { linter, lintGutter, forceLinting, type Diagnostic } from "@codemirror/lint";
import { EditorState, StateEffect } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { jsonFault, placeOf, type PlacedFault } from "./json-places";

const LOOK = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "transparent", fontSize: "0.86rem", minHeight: "9rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)", padding: "0.6rem 0" },
  ".cm-scroller": { lineHeight: "1.55", maxHeight: "28rem", overflow: "auto" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "var(--accent-soft) !important" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", color: "inherit" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "8px", maxWidth: "32rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  // In place of pictures in data: addresses, which the security policy refuses.
  ".cm-lintRange-error, .cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1.5px", textUnderlineOffset: "3px" },
  ".cm-lint-marker-error, .cm-lint-marker-warning": { content: '"●"', color: "var(--bad)", width: "auto", lineHeight: "1.2" },
  ".cm-diagnostic": { padding: "0.4rem 0.6rem", fontFamily: "var(--sans)" },
});

const COLORS = HighlightStyle.define([
  { tag: tags.propertyName, color: "light-dark(#5b3fa8, #c3a6ff)" },
  { tag: tags.string, color: "light-dark(#0d6b41, #7fd8a8)" },
  { tag: [tags.number, tags.bool, tags.null], color: "light-dark(#0b5aa8, #7fbcff)" },
]);

const LINT_AGAIN = StateEffect.define<null>();

export interface JsonEditor {
  setText: (text: string) => void;
  setFaults: (faults: readonly PlacedFault[]) => void;
  destroy: () => void;
}

export function mountEditor(host: HTMLElement, options: {
  text: string;
  label: string;
  hint?: string;
  complete?: CompletionSource;
  change: (text: string) => void;
}): JsonEditor {
  let faults: readonly PlacedFault[] = [];
  // In a shadow root the editor adopts its style sheets; in the page it would write <style>, which the security policy refuses.
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const lint = linter((view): Diagnostic[] => {
    const text = view.state.doc.toString();
    if (text.trim() === "") return [];
    const broken = jsonFault(text);
    if (broken) return [{ from: Math.min(broken.at, text.length), to: Math.min(broken.at + 1, text.length), severity: "error", message: broken.message }];
    return faults.map((one) => ({ ...placeOf(syntaxTree(view.state), view.state.doc, one.path), severity: "error" as const, message: one.message }));
  }, { delay: 250, needsRefresh: (update) => update.transactions.some((one) => one.effects.some((effect) => effect.is(LINT_AGAIN))) });
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(), history(), indentOnInput(), bracketMatching(), closeBrackets(), json(), lint, lintGutter(),
        syntaxHighlighting(COLORS), LOOK, EditorView.lineWrapping,
        autocompletion(options.complete ? { override: [options.complete] } : { override: [] }),
        ...(options.hint ? [placeholder(options.hint)] : []),
        // Tab leaves the editor, as it leaves every field.
        keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
        EditorView.contentAttributes.of({ "aria-label": options.label, spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) {
            faults = [];
            options.change(update.state.doc.toString());
          }
        }),
      ],
    }),
  });
  return {
    setText(text) {
      if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    setFaults(found) {
      faults = found;
      view.dispatch({ effects: LINT_AGAIN.of(null) });
      forceLinting(view);
    },
    destroy: () => view.destroy(),
  };
}
