import { describe, expect, it } from "vitest";
import { readOpenness } from "./openness";

describe("readOpenness", () => {
  it("reads what the server says, and nothing else", () => {
    for (const one of ["setup", "open", "closed"])
      expect(readOpenness(JSON.stringify({ registration: one }))).toBe(one);
    for (const other of ['{"registration":"ajar"}', "{}", "null", "", "<!doctype html>"])
      expect(readOpenness(other)).toBeNull();
  });
});
