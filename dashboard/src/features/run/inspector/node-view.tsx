import { useMemo } from "react";
import { type JsonNode, parseJson, writeJson } from "@/model/json";
import { JsonView } from "./json-view";

/** A value that was taken out of a payload: the tree knows its places in its own text. */
export function NodeView({ node }: { readonly node: JsonNode }) {
  const { own, text } = useMemo(() => {
    const written = writeJson(node);
    return { own: parseJson(written) ?? node, text: written };
  }, [node]);
  return <JsonView node={own} source={text} />;
}
