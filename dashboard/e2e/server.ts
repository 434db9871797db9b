import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { WireRecord } from "./records";

/** A start is some seconds of work for a processor; a machine that is shared may take ten times as long for it. */
const START_WITHIN_MS = 50_000;
const STOP_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 1_000;
const POLL_MS = 50;

/** The real server over a database of its own, on a free port of this machine. */
export class TestServer {
  readonly url: string;
  readonly #port: number;
  readonly #folder: string;
  #process: ChildProcess | null = null;
  #log = "";
  readonly #flags: readonly string[];
  readonly #settings: Readonly<Record<string, string>>;

  private constructor(
    port: number,
    folder: string,
    flags: readonly string[],
    settings: Readonly<Record<string, string>>,
  ) {
    this.#port = port;
    this.#folder = folder;
    this.#flags = flags;
    this.#settings = settings;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Start one; `flags` are those of `agenttrace serve`. */
  static start(...flags: readonly string[]): Promise<TestServer> {
    return TestServer.startWith({}, ...flags);
  }

  /** The same with settings, as docs/settings.md has them. */
  static async startWith(
    settings: Readonly<Record<string, string>>,
    ...flags: readonly string[]
  ): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), "agenttrace-e2e-"));
    const server = new TestServer(await findFreePort(), folder, flags, settings);
    await server.run();
    return server;
  }

  /** Start the process; after `halt`, on the same port and database. */
  async run(): Promise<void> {
    const child = spawn(findProgram(), ["serve", ...this.#flags], {
      cwd: this.#folder,
      env: {
        ...process.env,
        DATABASE_URL: `sqlite+aiosqlite:///${join(this.#folder, "agenttrace.db")}`,
        SERVER_HOST: "127.0.0.1",
        XDG_STATE_HOME: this.#folder,
        SERVER_PORT: String(this.#port),
        ...this.#settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (part: Buffer) => {
      this.#log += part.toString();
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    this.#process = child;
    // A test that ran out of time never reaches its `finally`; its worker's end must not leave the server behind.
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    await this.#waitUntilReady(child);
  }

  async #waitUntilReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_WITHIN_MS;
    while (Date.now() < deadline) {
      if (child.exitCode !== null) break;
      const answer = await fetch(`${this.url}/readyz`, {
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      }).catch(() => null);
      // One that asks who is there is ready, too.
      if (answer?.ok === true || answer?.status === 401) return;
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
    throw new Error(`agenttrace serve did not become ready:\n${this.#log}`);
  }

  /** What the server said to open in a browser. */
  get link(): string {
    const found = /Dashboard\s+(\S+)/.exec(this.#log)?.[1];
    if (found === undefined) throw new Error(`The server printed no address:\n${this.#log}`);
    return found;
  }

  /** What the first account registers with, as the server said it. */
  get setupToken(): string {
    const found = /register the first with (\S+)/.exec(this.#log)?.[1];
    if (found === undefined) throw new Error(`The server printed no setup token:\n${this.#log}`);
    return found;
  }

  /** Stop the process; the database stays. */
  async halt(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    await exited;
    clearTimeout(force);
  }

  async remove(): Promise<void> {
    await this.halt();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Send records as an exporter does, with a credential if there must be one; throws unless every line was taken. */
  async ingest(records: readonly WireRecord[], credential?: string): Promise<void> {
    const answer = await fetch(`${this.url}/api/ingest`, {
      method: "POST",
      headers: {
        "content-type": "application/x-ndjson",
        ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
      },
      body: records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    });
    const text = await answer.text();
    const { accepted } = JSON.parse(text) as { accepted?: number };
    if (!answer.ok || accepted !== records.length) {
      throw new Error(`POST /api/ingest answered ${answer.status}: ${text.slice(0, 2000)}`);
    }
  }

  /** Say something of a run, as a person or a program does; throws unless it was taken. */
  async annotate(runId: string, annotation: Readonly<Record<string, unknown>>): Promise<void> {
    const query =
      "mutation ($runId: ID!, $annotation: AnnotationInput!) " +
      "{ annotateRun(runId: $runId, annotation: $annotation) { errors { message } } }";
    const answer = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables: { runId, annotation } }),
    });
    const text = await answer.text();
    if (!answer.ok || !text.includes('"errors":[]')) {
      throw new Error(`annotateRun answered ${answer.status}: ${text.slice(0, 2000)}`);
    }
  }
}

/** `agenttrace` beside the Python that is named, or that of the checkout. */
function findProgram(): string {
  const python =
    process.env.AGENTTRACE_PYTHON ?? resolve(import.meta.dirname, "../../.venv/bin/python");
  const program = python.includes("/") ? join(dirname(python), "agenttrace") : "agenttrace";
  if (program.includes("/") && !existsSync(program)) {
    throw new Error(
      `There is no ${program}. Set up the checkout, or name a Python that has agenttrace and ` +
        "agenttrace-server with AGENTTRACE_PYTHON.",
    );
  }
  return program;
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("No free port was given.");
  return address.port;
}
