import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { test } from "@playwright/test";
import { TestServer } from "../e2e/server";

const COUNT = Number(process.env.SPANS ?? 100);

/** Opens a run, then a span for each line it reads; the next line ends the span. */
const AGENT = `
import sys
from agenttrace import Tracer
tracer = Tracer(exporter=sys.argv[1])
with tracer.run("row_latency") as run:
    print(run.run_id, flush=True)
    for _ in sys.stdin:
        with tracer.span("step") as span:
            print(span.span_id, span.start_ns, flush=True)
            sys.stdin.readline()
`;

/** Both ends are this machine's wall clock: the span's own start, and the frame that shows its row. */
test("from a span's start to its row on the screen", async ({ page }) => {
  const server = await TestServer.start();
  const agent = startAgent(`${server.url}/api`);
  try {
    const lines = createInterface({ input: required(agent.stdout) })[Symbol.asyncIterator]();
    const next = async () => String((await lines.next()).value);
    await page.goto(`${server.url}/runs/${await next()}`);
    const latencies: number[] = [];
    for (let index = 0; index < COUNT; index += 1) {
      agent.stdin?.write("start\n");
      const [spanId = "", startNs = "0"] = (await next()).split(" ");
      const shownMs = await page.evaluate(waitForRow, spanId);
      latencies.push(shownMs - Number(BigInt(startNs) / 1000n) / 1000);
      agent.stdin?.write("end\n");
    }
    report(latencies);
  } finally {
    agent.stdin?.end();
    agent.kill("SIGTERM");
    await server.remove();
  }
});

function startAgent(endpoint: string): ChildProcess {
  const python =
    process.env.AGENTTRACE_PYTHON ?? resolve(import.meta.dirname, "../../.venv/bin/python");
  return spawn(python, ["-c", AGENT, endpoint], {
    cwd: join(import.meta.dirname),
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/**
 * Runs in the page: resolves with the wall-clock time, in ms, of the first frame after the row is
 * there. The row may already be there when this is called; the frame is then late by that much,
 * never early, so the figures are upper bounds.
 */
function waitForRow(spanId: string): Promise<number> {
  return new Promise((done) => {
    const stamp = () =>
      requestAnimationFrame(() => done(performance.timeOrigin + performance.now()));
    const find = () => document.querySelector(`[data-span="${spanId}"]`) !== null;
    if (find()) {
      stamp();
      return;
    }
    const observer = new MutationObserver(() => {
      if (!find()) return;
      observer.disconnect();
      stamp();
    });
    observer.observe(document.body, { childList: true, subtree: true });
  });
}

function report(latencies: readonly number[]): void {
  const sorted = [...latencies].sort((left, right) => left - right);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN).toFixed(
      1,
    );
  process.stdout.write(
    `\nspan start → row on the screen, ${sorted.length} spans: ` +
      `min ${at(0)} ms, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms\n`,
  );
}

function required<Value>(value: Value | null): Value {
  if (value === null) throw new Error("The agent's output is not piped.");
  return value;
}
