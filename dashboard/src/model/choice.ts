import { canonicalJson, type Decision } from "./content";
import type { JsonNode } from "./json";

/** What a decision chose: one value or several, and which of the options they are. */
export interface Choice {
  /** The chosen values: the items of a list, unless the list is an option itself. */
  readonly values: readonly JsonNode[];
  /** For each option, whether it was chosen. */
  readonly marks: readonly boolean[];
}

/**
 * Tell which options were chosen: those that are a chosen value, or else those that a chosen value names by
 * one of their members, as `"try"` names `{"page": "try", "score": 14.4}`. A member names an option only when
 * no two options share its value.
 */
export function readChoice({ options, chosen }: Decision): Choice {
  if (chosen === null) return { values: [], marks: options.map(() => false) };
  const isOption = sameAsAny([chosen]);
  const values =
    chosen.kind === "array" && !options.some((option) => isOption(option))
      ? chosen.items
      : [chosen];
  const isChosen = sameAsAny(values);
  const marks = options.map((option) => isChosen(option));
  return { values, marks: marks.includes(true) ? marks : markByName(options, isChosen) };
}

type Test = (node: JsonNode | undefined) => boolean;

function sameAsAny(values: readonly JsonNode[]): Test {
  const texts = new Set(values.map(canonicalJson));
  return (node) => node !== undefined && texts.has(canonicalJson(node));
}

/** Mark by the member that tells the options apart and that most of the chosen values are found under. */
function markByName(options: readonly JsonNode[], isChosen: Test): boolean[] {
  let best = options.map(() => false);
  let found = 0;
  for (const members of membersByKey(options).values()) {
    const names = new Set(members.map(canonicalJson));
    if (members.length < options.length || names.size < options.length) continue;
    const marks = members.map(isChosen);
    const count = marks.filter(Boolean).length;
    if (count > found) [best, found] = [marks, count];
  }
  return best;
}

/** The texts and numbers of the options by their key; where an option has none, the list ends. */
function membersByKey(options: readonly JsonNode[]): Map<string, JsonNode[]> {
  const byKey = new Map<string, JsonNode[]>();
  options.forEach((option, index) => {
    if (option.kind !== "object") return;
    for (const { key, value } of option.entries) {
      if (value.kind !== "string" && value.kind !== "number") continue;
      const members = byKey.get(key) ?? [];
      if (members.length === index) members.push(value);
      byKey.set(key, members);
    }
  });
  return byKey;
}
