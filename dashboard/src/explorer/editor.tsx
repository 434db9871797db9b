import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import {
  bracketMatching,
  defaultHighlightStyle,
  HighlightStyle,
  syntaxHighlighting,
} from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { graphql, updateSchema } from "cm6-graphql";
import type { GraphQLSchema } from "graphql";
import { useEffect, useRef } from "react";

const LOOK = EditorView.theme({
  "&": { height: "100%", fontSize: "12px", color: "var(--ink)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": {
    fontFamily: "ui-monospace, Menlo, Consolas, monospace",
    caretColor: "var(--ink)",
  },
  ".cm-gutters": { color: "var(--ink-faint)", backgroundColor: "var(--sunken)", border: "none" },
  ".cm-tooltip": { color: "var(--ink)", backgroundColor: "var(--surface)" },
  ".cm-selectionBackground": { backgroundColor: "var(--selected) !important" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
});

/** The colours of the library's own style, which are for a light page, as those of the theme. */
const COLOURS: Readonly<Record<string, string>> = {
  "#708": "var(--type-llm)",
  "#219": "var(--type-retrieval)",
  "#164": "var(--good)",
  "#a11": "var(--bad)",
  "#e40": "var(--warn)",
  "#085": "var(--type-tool)",
  "#940": "var(--ink-faint)",
  "#f00": "var(--bad)",
};
const COLOURED = HighlightStyle.define(
  defaultHighlightStyle.specs.map((spec) =>
    "color" in spec ? { ...spec, color: COLOURS[String(spec.color)] ?? "var(--accent)" } : spec,
  ),
);

interface Use {
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
}

function makeState(text: string, uses: { readonly current: Use }): EditorState {
  const change = EditorView.updateListener.of((update) => {
    if (update.docChanged) uses.current.onChange(update.state.doc.toString());
  });
  const run = () => {
    uses.current.onRun();
    return true;
  };
  return EditorState.create({
    doc: text,
    extensions: [
      keymap.of([
        { key: "Mod-Enter", run },
        ...completionKeymap,
        ...defaultKeymap,
        ...historyKeymap,
      ]),
      history(),
      autocompletion(),
      lineNumbers(),
      bracketMatching(),
      syntaxHighlighting(COLOURED),
      EditorView.contentAttributes.of({ "aria-label": "Operation" }),
      EditorView.lineWrapping,
      LOOK,
      change,
      graphql(),
    ],
  });
}

/** An editor that knows the schema: it completes names, and marks what the schema does not have. */
export function Editor({
  initial,
  schema,
  ...use
}: Use & { readonly initial: string; readonly schema: GraphQLSchema }) {
  const place = useRef<HTMLDivElement>(null);
  const uses = useRef(use);
  uses.current = use;
  const first = useRef(initial);
  useEffect(() => {
    const host = place.current;
    if (host === null) return;
    // In a shadow root its styles are made by objects: the content policy lets no <style> in.
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const view = new EditorView({ state: makeState(first.current, uses), parent: root, root });
    updateSchema(view, schema);
    return () => {
      first.current = view.state.doc.toString();
      view.destroy();
    };
  }, [schema]);
  return <div ref={place} data-testid="operation" className="min-h-0 flex-1 overflow-auto" />;
}
