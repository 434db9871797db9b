import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { markWords } from "./hit";

const hits = (text: string, query: string) =>
  markWords(text, query)
    .filter(({ isHit }) => isHit)
    .map((piece) => piece.text);

describe("markWords", () => {
  it("marks whole words in any case, and beginnings before a star", () => {
    expect(hits("Paris, paris and parisian", "PARIS")).toEqual(["Paris", "paris"]);
    expect(hits("Paris and parisian", "par*")).toEqual(["Paris", "parisian"]);
    expect(hits("über Straße", '"über" straße')).toEqual(["über", "Straße"]);
  });

  it("loses no character, whatever text and query are", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.string({ unit: "grapheme" }),
        (text, query) => {
          const pieces = markWords(text, query);
          expect(pieces.map((piece) => piece.text).join("")).toBe(text);
        },
      ),
    );
  });
});
