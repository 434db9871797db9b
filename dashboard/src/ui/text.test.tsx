import { render, screen } from "@testing-library/react";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainMarks, splitMarks } from "./marks";
import { Text, TextBlock } from "./text";

describe("splitMarks", () => {
  it("loses no character", () => {
    const text = fc.string({ unit: "binary", maxLength: 60 });
    fc.assert(
      fc.property(text, fc.boolean(), (value, block) => {
        const pieces = splitMarks(value, { block });
        expect(pieces.map((piece) => piece.text).join("")).toBe(value);
      }),
    );
  });

  it.each([
    ["a bidi override", "abc\u202Etxt.exe", "abc⟨U+202E⟩txt.exe"],
    ["zero width", "pay\u200Bpal", "pay⟨U+200B⟩pal"],
    ["an escape sequence", "\u001b[31mred", "⟨U+001B⟩[31mred"],
    ["invisible tags", "hi\u{E0041}\u{E0042}", "hi⟨U+E0041 U+E0042⟩"],
    ["a crowd of one mark", "x\u200B\u200B\u200B\u200B", "x⟨U+200B×4⟩"],
    ["a lone surrogate", "x\uD800y", "x⟨U+D800⟩y"],
    ["line breaks in a name", "a\nb\tc", "a⟨⏎⟩b⟨⇥⟩c"],
  ])("shows %s", (_case, value, shown) => {
    expect(plainMarks(value)).toBe(shown);
  });

  it("leaves what can be seen alone: emoji families, accents, other scripts", () => {
    for (const value of ["👩‍💻", "👨‍👩‍👧", "é ü ñ", "שלום", "日本語", "❤️"]) {
      expect(splitMarks(value, { block: false })).toEqual([{ text: value, mark: null }]);
    }
  });

  it("keeps line breaks in a block, Windows ones too, and marks a return that overwrites", () => {
    expect(splitMarks("a\r\nb\tc", { block: true }).every(({ mark }) => mark === null)).toBe(true);
    expect(splitMarks("safe\revil", { block: true })[1]?.mark).toBe("U+000D");
  });
});

describe("Text", () => {
  it("is text, whatever is in it", () => {
    const { container } = render(<Text value={'<img src=x onerror="alert(1)">'} />);
    expect(container.querySelector("img")).toBeNull();
    expect(container).toHaveTextContent('<img src=x onerror="alert(1)">');
  });

  it("opens a long block step by step", async () => {
    render(<TextBlock value={"x".repeat(30_000)} />);
    const more = screen.getByRole("button", { name: "Show more (10,000 characters)" });
    more.click();
    expect(await screen.findByText("x".repeat(30_000))).toBeInTheDocument();
    expect(screen.queryByRole("button")).toBeNull();
  });
});
