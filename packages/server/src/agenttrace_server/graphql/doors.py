"""Documents that doors of HTTP stand for: stored, and executed as a client's own would be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from strawberry.schema import BaseSchema
from strawberry.types.graphql import OperationType

from agenttrace_server.graphql.context import Context
from agenttrace_server.graphql.errors import (
    INTERNAL,
    TIMED_OUT,
    add_codes,
    describe_timeout,
    hide_unexpected,
)
from agenttrace_server.graphql.stored import StoredDocuments
from agenttrace_server.identity import Actor

REPLAY: Final = """query ReplayOfRun(
  $runId: ID!, $first: Int, $after: String, $at: Int!, $isOne: Boolean!
) {
  replay(runId: $runId) {
    runId totalSteps complete
    replayable {
      ok boundaries blocked
      fidelities { fidelity count }
      blockers { kind span { id name } }
    }
    step(index: $at) @include(if: $isOne) { ...Line ...Whole }
    steps(first: $first, after: $after) @skip(if: $isOne) {
      pageInfo { hasNextPage endCursor }
      edges { cursor node { ...Line } }
    }
  }
}
fragment Line on ReplayStep {
  index phase lane depth atMs elapsedMs eventName eventSeq span { id spanId name type status }
}
fragment Whole on ReplayStep {
  input { value codec fidelity } output { value codec fidelity } chunk { value codec fidelity }
  error { type message traceback }
  cumulative {
    spans llmCalls toolCalls errors promptTokens completionTokens totalTokens tokensEstimated
    costUsd
  }
  openSpans { id spanId name } state stateDelta { op path value oldValue }
  contextDiff { kind role oldIndex newIndex old new }
}"""
"""`GET /api/replay/runs/{run_id}`."""


DIFF: Final = """query DiffOfRuns(
  $base: ID!, $head: ID!, $first: Int, $after: String, $filter: DiffRowFilter
) {
  diff(base: $base, head: $head) {
    base { id name status } head { id name status }
    identical approx cost baseDigest headDigest runFlags runOrigin
    counts { unchanged changed added removed moved renamed wrapped unwrapped }
    firstDivergence { spanId side name path cause { ...Why } }
    origins { path isRun propagated cause { ...Why } base { id name } head { id name } }
    performance { ...Why }
    aggregates {
      total {
        spans { ...Numbers } calls { ...Numbers } errors { ...Numbers } totalTokens { ...Numbers }
        costUsd { base head change percent } wallMs { base head change percent }
      }
    }
    warnings { code message side }
    rows(first: $first, after: $after, filter: $filter) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { cursor node {
        index parent depth outcome flags selfChanged subtreeChanged isPropagated origin covers
        reason failsNewly base { ...Place } head { ...Place }
      } }
    }
  }
}
fragment Why on DiffCause { kind detail action evidence { name base head } }
fragment Numbers on DiffCount { base head change percent }
fragment Place on DiffSpan { id spanId name type status depth position parentPosition }"""
"""`GET /api/diff/runs`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a document: its `data`, or the code and text of what went wrong."""

    data: dict[str, Any] | None
    code: str | None = None
    message: str = ""


class StoredDoor:
    """Executes one stored document for whoever asks at a door of HTTP."""

    def __init__(
        self,
        schema: BaseSchema,
        documents: StoredDocuments,
        text: str,
        *,
        make_context: Callable[[Actor], Context],
        timeout_s: float,
    ) -> None:
        documents.add(text)
        self._schema = schema
        self._text = text
        self._make_context = make_context
        self._timeout_s = timeout_s

    async def ask(self, actor: Actor, variables: Mapping[str, object]) -> Answer:
        """Return what the document answers to somebody."""
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await self._schema.execute(
                    self._text,
                    variable_values=dict(variables),
                    context_value=self._make_context(actor),
                    allowed_operation_types=(OperationType.QUERY,),
                )
        except TimeoutError:
            return Answer(None, TIMED_OUT, describe_timeout(self._timeout_s))
        errors = hide_unexpected(result.errors or [])
        if errors:
            add_codes(errors)
            first = errors[0]
            return Answer(None, str((first.extensions or {}).get("code", INTERNAL)), first.message)
        return Answer(result.data)
