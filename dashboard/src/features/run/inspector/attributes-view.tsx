import { parseJson } from "@/model/json";
import { Text } from "@/ui/text";
import { Fact, Facts } from "./facts";
import { NodeView } from "./node-view";

/** A flat object of the user's own names and values. */
export function AttributesView({ value }: { readonly value: unknown }) {
  const node = parseJson(JSON.stringify(value) ?? "null");
  if (node?.kind !== "object" || node.entries.length === 0) {
    return <p className="text-faint">No attributes were recorded.</p>;
  }
  return (
    <Facts>
      {node.entries.map(({ key, value: one }) => (
        <Fact key={key} name={<Text value={key} className="font-mono" />}>
          {one.kind === "string" ? <Text value={one.value} /> : <NodeView node={one} />}
        </Fact>
      ))}
    </Facts>
  );
}
