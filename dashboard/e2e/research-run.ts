import { Recorder, type WireRecord } from "./records";

export interface ResearchRun {
  readonly runId: string;
  readonly records: readonly WireRecord[];
  /** Span ids by name. */
  readonly ids: Readonly<Record<string, string>>;
}

const DOCUMENTS = [
  {
    id: "asyncio-task.rst#3",
    content:
      "Coroutines declared with async/await are the preferred way of writing asyncio applications.",
    score: 14.208,
    section: "Coroutines",
  },
  {
    id: "asyncio-eventloop.rst#1",
    content: "The event loop is the core of every asyncio application.",
    score: 9.731,
    section: "Event loop",
  },
  {
    id: "threading.rst#8",
    content: "This module constructs higher-level threading interfaces.",
    score: 2.05,
    section: "threading",
  },
];

const ANSWER = "Use a thread when the work blocks; use a coroutine when it waits.";

const TRACEBACK = `Traceback (most recent call last):
  File "research_agent.py", line 88, in fetch
    return read(page)
TimeoutError: timed out

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "research_agent.py", line 91, in fetch
    raise FetchError(page) from error
FetchError: asyncio-task.rst did not answer within 2 s`;

/** A run with a step of every kind, an error and a retry: 9 spans, 2 LLM calls, 3 tool calls, 1 error, 1,530 tokens, $0.0153. */
export function recordResearchRun(
  correlationId: string,
  startMs = Date.now() - 60_000,
): ResearchRun {
  const recorder = new Recorder(
    "research_agent",
    {
      correlation_id: correlationId,
      tags: ["nightly", "docs"],
      input: { value: { question: "Thread or coroutine?" }, codec: "json", fidelity: "exact" },
      attributes: { "user.team": "search", attempt: 2 },
      resource: { "service.name": "research", "process.pid": 4242 },
    },
    startMs,
  );
  const agent = recorder.span({ name: "researcher", type: "AGENT", atMs: 5, forMs: 4180 });
  const parent = agent.id;
  const plan = recorder.span({
    name: "plan",
    type: "DECISION",
    parent,
    atMs: 12,
    forMs: 3,
    input: {
      options: ["search the documentation", "answer from memory", { tool: "ask_user", cost: 1 }],
    },
    output: {
      chosen: "search the documentation",
      reason: "The question names modules that the documentation covers.",
    },
  });
  const retrieve = recorder.span({
    name: "search_docs",
    type: "RETRIEVAL",
    parent,
    atMs: 20,
    forMs: 310,
    input: { query: "thread or coroutine", k: 3 },
    output: { documents: DOCUMENTS },
  });
  const fetch1 = recorder.span({
    name: "fetch_page",
    type: "TOOL_CALL",
    parent,
    atMs: 340,
    forMs: 2000,
    status: "ERROR",
    input: { page: "asyncio-task.rst", timeout_s: 2, ticket: 1 },
    fields: {
      error: {
        type: "research_agent.FetchError",
        message: "asyncio-task.rst did not answer within 2 s",
        traceback: TRACEBACK,
        cause: { type: "builtins.TimeoutError", message: "timed out" },
        notes: ["Will be tried once more."],
      },
    },
  });
  const fetch2 = recorder.span({
    name: "fetch_page (retry)",
    type: "TOOL_CALL",
    parent,
    atMs: 2360,
    forMs: 180,
    input: { page: "asyncio-task.rst", timeout_s: 2 },
    output: {
      bytes: 48_210,
      etag: 'W/"5f"',
      text: "Coroutines and Tasks\n====================\n".repeat(12),
    },
  });
  const draft = recorder.span({
    name: "draft",
    type: "LLM_CALL",
    parent,
    atMs: 2560,
    forMs: 1240,
    input: {
      messages: [
        { role: "system", content: "Answer from the passages only." },
        { role: "user", content: "Thread or coroutine?" },
      ],
      temperature: 0,
    },
    output: ANSWER,
    fields: {
      model: "gpt-4o-mini",
      usage: {
        prompt_tokens: 1200,
        completion_tokens: 130,
        total_tokens: 1330,
        cached_tokens: 1024,
        reasoning_tokens: 64,
        source: "reported",
      },
      cost: { usd: "0.0133", source: "price_table" },
      attributes: { "gen_ai.request.temperature": 0, "gen_ai.system": "openai" },
    },
  });
  const critic = recorder.span({ name: "critic", type: "AGENT", parent, atMs: 3820, forMs: 340 });
  const judge = recorder.span({
    name: "judge",
    type: "LLM_CALL",
    parent: critic.id,
    atMs: 3830,
    forMs: 290,
    input: { prompt: "Is the answer grounded?" },
    output: { role: "assistant", content: "Yes." },
    fields: {
      model: "extractive-summariser",
      usage: { prompt_tokens: 180, completion_tokens: 20, total_tokens: 200, source: "estimated" },
      cost: { usd: "0.002", source: "rates" },
    },
  });
  const save = recorder.span({
    name: "save_report",
    type: "TOOL_CALL",
    parent,
    atMs: 4170,
    forMs: 9,
    input: { path: "report.md" },
    output: { saved: true },
    fields: { effect: "write" },
  });
  const spans = [agent, plan, retrieve, fetch1, fetch2, draft, critic, judge, save];
  const names = [
    "agent",
    "plan",
    "retrieve",
    "fetch1",
    "fetch2",
    "draft",
    "critic",
    "judge",
    "save",
  ];
  const chunks = ["Use a thread ", "when the work blocks; ", "use a coroutine when it waits."].map(
    (text, index) => recorder.event(draft.id, "chunk", text, 2700 + index * 300),
  );
  return {
    runId: recorder.runId,
    records: [
      recorder.start(),
      ...spans.map(({ start }) => start),
      ...chunks,
      ...spans.map(({ end }) => end),
      recorder.end(4200, "COMPLETED", {
        output: { value: ANSWER, codec: "json", fidelity: "exact" },
      }),
    ],
    ids: Object.fromEntries(names.map((name, index) => [name, spans[index]?.id ?? ""])),
  };
}
