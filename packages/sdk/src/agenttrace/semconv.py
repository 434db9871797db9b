"""Names of attributes and of payload fields that the SDK writes and the server reads.

Where OpenTelemetry has a name it is used: `service.name`, `process.pid` and the like are from
its resource conventions, `gen_ai.*` from its GenAI conventions (v0.1.0).
"""

from __future__ import annotations

from typing import Final

# Resource of a run: who recorded it.
SERVICE_NAME: Final = "service.name"
HOST_NAME: Final = "host.name"
PROCESS_PID: Final = "process.pid"
PROCESS_RUNTIME_NAME: Final = "process.runtime.name"
PROCESS_RUNTIME_VERSION: Final = "process.runtime.version"
TELEMETRY_SDK_NAME: Final = "telemetry.sdk.name"
TELEMETRY_SDK_VERSION: Final = "telemetry.sdk.version"
# What a replay wants to know of the program.
PROCESS_COMMAND_ARGS: Final = "process.command_args"
VCS_REVISION: Final = "vcs.ref.head.revision"
PACKAGES: Final = "agenttrace.packages"
PLUGINS: Final = "agenttrace.plugins"

# Attributes of a span.
PROVIDER_NAME: Final = "gen_ai.provider.name"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RETRY_ATTEMPT: Final = "agenttrace.retry.attempt"
TOKEN_ESTIMATE_METHOD: Final = "agenttrace.usage.estimate_method"  # noqa: S105 -- tokens of text
USAGE_DETAIL: Final = "agenttrace.usage."
"""Before the name of what has a price of its own beside `usage`: `service_tier`, `web_searches`…"""
USAGE_BILLED_WITHIN: Final = "agenttrace.usage.billed_within"
STREAM_CHUNKS: Final = "agenttrace.stream.chunks"
STREAM_KIND: Final = "agenttrace.stream.kind"
STREAM_SENT: Final = "agenttrace.stream.sent"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

# What was left out for the limits of the wire format, where anything was (OpenTelemetry's names
# outside OTLP). A run has the first too.
DROPPED_ATTRIBUTES: Final = "otel.dropped_attributes_count"
DROPPED_EVENTS: Final = "otel.dropped_events_count"

# A decision: its input holds the options, its output what was chosen and why.
DECISION_OPTIONS: Final = "options"
DECISION_CHOSEN: Final = "chosen"
DECISION_REASON: Final = "reason"

# A model call: its input holds the messages when it was called with any.
LLM_MESSAGES: Final = "messages"

# A retrieval: its input holds the query, its output a list of documents or {"documents": [...]}.
RETRIEVAL_QUERY: Final = "query"
RETRIEVAL_DOCUMENTS: Final = "documents"
DOCUMENT_ID: Final = "id"
DOCUMENT_CONTENT: Final = "content"
DOCUMENT_SCORE: Final = "score"
DOCUMENT_METADATA: Final = "metadata"

# Names of events with a meaning of their own; every other name is the user's.
EVENT_CHUNK: Final = "chunk"
EVENT_STATE: Final = "state"
EVENT_LOG: Final = "log"
EVENT_EXCEPTION: Final = "exception"

# Attributes of a run that continues a context from another process.
PARENT_RUN_ID: Final = "agenttrace.parent.run_id"
PARENT_SPAN_ID: Final = "agenttrace.parent.span_id"

# What a replay says of a span: what became of it (`replayed`, `copied`, `passthrough`, `live`), its
# counterpart in the recording and how long that took, the kinds of divergence met at it, and what
# was paid for it now. A span's `cost` stays what was recorded.
REPLAY_STATUS: Final = "agenttrace.replay.status"
REPLAY_SOURCE_SPAN: Final = "agenttrace.replay.source_span_id"
REPLAY_RECORDED_NS: Final = "agenttrace.replay.recorded_duration_ns"
REPLAY_DIVERGENCE: Final = "agenttrace.replay.divergence"
REPLAY_BILLED_USD: Final = "agenttrace.replay.billed_usd"
# What a recording says for replays: which of several objects a method was called on, as a digest.
REPLAY_RECEIVER: Final = "agenttrace.replay.receiver"
# And of the run: how it was led, and what it came to.
REPLAY_MODE: Final = "agenttrace.replay.mode"
REPLAY_DIVERGENCES: Final = "agenttrace.replay.divergences"

# What was held still while a run was recorded: `time`, `random`, `uuid`; the seed of chance; and of
# a span what the clock showed from its end on, in ns since the Unix epoch.
FREEZE_KINDS: Final = "agenttrace.freeze.kinds"
FREEZE_SEED: Final = "agenttrace.freeze.seed"
FREEZE_CLOCK: Final = "agenttrace.freeze.clock_ns"
