import { beforeEach, describe, expect, it } from "vitest";
import { takeByClaim } from "./turn";

describe("takeByClaim", () => {
  beforeEach(() => localStorage.clear());

  it("lets one work at a time, and everybody once", async () => {
    let working = 0;
    let most = 0;
    const work = async () => {
      working += 1;
      most = Math.max(most, working);
      await new Promise((done) => setTimeout(done, 5));
      working -= 1;
      return "done";
    };
    const all = [1, 2, 3].map(() => takeByClaim(work));
    expect(await Promise.all(all)).toEqual(["done", "done", "done"]);
    expect(most).toBe(1);
  });

  it("frees its turn when the work fails", async () => {
    await expect(takeByClaim(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(localStorage.length).toBe(0);
  });

  it("passes over the claim of a tab that has gone", async () => {
    localStorage.setItem("agenttrace.session.turn", "gone 1000");
    expect(await takeByClaim(async () => 7)).toBe(7);
  });
});
