import { describe, expect, it } from "vitest";
import { type Place, readPlace, writePlace } from "./place";

const PLACE: Place = {
  path: "/runs/0a",
  anchor: { id: "s1", cutPx: 12.5 },
  isFollowing: false,
};

describe("a place", () => {
  it("is the one that was left", () => {
    expect(readPlace(writePlace(PLACE), "/runs/0a")).toEqual(PLACE);
  });

  it("is none on another page", () => {
    expect(readPlace(writePlace(PLACE), "/runs/0b")).toBeNull();
  });

  it("has no anchor where no row was in sight", () => {
    const place = { ...PLACE, anchor: null };
    expect(readPlace(writePlace(place), "/runs/0a")).toEqual(place);
  });

  it.each([null, "", "{", "null", "7", '{"path":"/runs/0a"}'])("is none in %j", (text) => {
    expect(readPlace(text, "/runs/0a")).toBeNull();
  });
});
