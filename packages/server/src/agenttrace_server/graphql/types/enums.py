"""Enumerations of the schema. A member's value is the text that the wire and the store have."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value

from agenttrace_server import identity


@strawberry.enum(description="Where a run is in its life; all but STARTED are final.")
class RunStatus(Enum):
    """See the description, which is public."""

    STARTED = enum_value("STARTED", description="It runs, or its end has not arrived.")
    COMPLETED = enum_value("COMPLETED", description="It ended as it should.")
    ERROR = enum_value("ERROR", description="It ended with an exception.")
    INTERRUPTED = enum_value("INTERRUPTED", description="It was cut off from outside.")


@strawberry.enum(description="Where a span is in its life; all but STARTED are final.")
class SpanStatus(Enum):
    """See the description, which is public."""

    STARTED = enum_value("STARTED", description="It runs, or its end has not arrived.")
    COMPLETED = enum_value("COMPLETED", description="It ended as it should.")
    ERROR = enum_value("ERROR", description="It ended with an exception.")
    CANCELLED = enum_value("CANCELLED", description="It was cancelled.")
    INTERRUPTED = enum_value("INTERRUPTED", description="It was cut off from outside.")


@strawberry.enum(description="Why a span stands where it does in the tree of its run.")
class SpanPlacement(Enum):
    """See the description, which is public."""

    ROOT = enum_value("root", description="It was recorded at the top of the run.")
    CHILD = enum_value("child", description="It is within its parent.")
    MISSING_PARENT = enum_value(
        "missing_parent", description="It is at the top: its parent has not arrived, or never will."
    )
    CYCLE = enum_value(
        "cycle",
        description="It is at the top, of spans that are each other's ancestors the earliest by "
        "`seq`: there the circle was cut.",
    )


@strawberry.enum(description="What kind of step a span is.")
class SpanType(Enum):
    """See the description, which is public."""

    LLM_CALL = enum_value("LLM_CALL", description="A call of a language model.")
    TOOL_CALL = enum_value("TOOL_CALL", description="A call of a tool.")
    DECISION = enum_value("DECISION", description="A choice between options.")
    RETRIEVAL = enum_value("RETRIEVAL", description="A search for documents.")
    AGENT = enum_value("AGENT", description="An agent at work; its steps are within.")
    CUSTOM = enum_value("CUSTOM", description="Anything else.")


@strawberry.enum(description="What a span's body does to the world.")
class SpanEffect(Enum):
    """See the description, which is public."""

    NONE = enum_value("none", description="Nothing: it computes.")
    READ = enum_value("read", description="It reads.")
    WRITE = enum_value("write", description="It changes something.")
    UNKNOWN = enum_value("unknown", description="Nobody said.")


@strawberry.enum(description="How a span's body ended: finer than its status.")
class SpanOutcome(Enum):
    """See the description, which is public."""

    OK = enum_value("ok", description="It returned.")
    ERROR = enum_value("error", description="It raised.")
    CANCELLED = enum_value("cancelled", description="It was cancelled.")
    CLOSED = enum_value("closed", description="The consumer of its stream stopped early.")
    UNFINISHED = enum_value("unfinished", description="It was still open when its run ended.")


@strawberry.enum(description="How much of a recorded value survived its encoding.")
class Fidelity(Enum):
    """See the description, which is public."""

    EXACT = enum_value("exact", description="It decodes to an equal value of the same type.")
    STRUCTURAL = enum_value("structural", description="The content is there, the type is not.")
    OPAQUE = enum_value("opaque", description="Only its class is known.")
    TRUNCATED = enum_value("truncated", description="It was too long; its beginning is there.")
    REDACTED = enum_value("redacted", description="Parts were removed on purpose.")


@strawberry.enum(description="Where token figures come from.")
class FigureSource(Enum):
    """See the description, which is public."""

    REPORTED = enum_value("reported", description="The provider reported them.")
    ESTIMATED = enum_value("estimated", description="The recorder estimated them.")


@strawberry.enum(description="Where a cost comes from.")
class CostSource(Enum):
    """See the description, which is public."""

    REPORTED = enum_value("reported", description="The provider reported it.")
    PRICE_TABLE = enum_value("price_table", description="Tokens times a table of prices.")
    RATES = enum_value("rates", description="Tokens times rates given at the call.")


@strawberry.enum(description="The direction of a list.")
class OrderDirection(Enum):
    """See the description, which is public."""

    ASC = enum_value("ASC", description="Lowest or earliest first.")
    DESC = enum_value("DESC", description="Highest or latest first.")


@strawberry.enum(description="What a list of runs is ordered by. Unknown figures count as lowest.")
class RunOrderField(Enum):
    """See the description, which is public."""

    START_TIME = enum_value("start_time", description="When it started.")
    DURATION = enum_value("duration", description="How long it took.")
    COST = enum_value("cost", description="What it cost.")
    TOKENS = enum_value(
        "tokens", description="Its tokens in all; where none is known they count as 0."
    )
    SPANS = enum_value("spans", description="How many spans it has.")
    ERRORS = enum_value("errors", description="How many of its spans have the status ERROR.")
    NAME = enum_value("name", description="Its name, by code point; then its start.")


@strawberry.enum(description="Who says something of a run or span.")
class AnnotationSource(Enum):
    """See the description, which is public."""

    HUMAN = enum_value("HUMAN", description="A person.")
    MODEL = enum_value("MODEL", description="A model that judges.")
    CODE = enum_value("CODE", description="A program that checks.")


@strawberry.enum(description="How long an interval of usage is. All begin in UTC.")
class Interval(Enum):
    """See the description, which is public."""

    HOUR = enum_value("hour", description="An hour.")
    DAY = enum_value("day", description="24 hours.")
    WEEK = enum_value("week", description="Seven days from a Monday on.")
    MONTH = enum_value("month", description="A month of the calendar.")


@strawberry.enum(description="What usage is told apart by, within an interval.")
class UsageGroup(Enum):
    """See the description, which is public."""

    MODEL = enum_value("model", description="The model that was called.")
    NAME = enum_value("name", description="The name of the run.")
    STATUS = enum_value("status", description="The status of the run.")
    TAG = enum_value("tag", description="Each tag of the run.")


@strawberry.enum(description="What happened to a run in a list.")
class RunChangeKind(Enum):
    """See the description, which is public."""

    CREATED = enum_value("run_created", description="It is new since the cursor.")
    UPDATED = enum_value("run_updated", description="It, or a span of it, changed.")
    ENDED = enum_value("run_ended", description="It ended, and was there before.")
    DELETED = enum_value("run_deleted", description="It was deleted, with all that is in it.")


@strawberry.enum(description="What an account may do in a project.")
class ProjectRole(Enum):
    """See the description, which is public."""

    VIEWER = enum_value(identity.Role.VIEWER, description="Reads everything.")
    MEMBER = enum_value(
        identity.Role.MEMBER, description="Records, annotates, tags and deletes runs, too."
    )
    ADMIN = enum_value(
        identity.Role.ADMIN, description="Makes keys, says who is in it, and reads the audit log."
    )


@strawberry.enum(description="What an API key may do in its project.")
class KeyScope(Enum):
    """See the description, which is public."""

    INGEST = enum_value(identity.Scope.INGEST, description="Records runs, and reads nothing.")
    READ = enum_value(identity.Scope.READ, description="Reads everything, and changes nothing.")
    WRITE = enum_value(
        identity.Scope.WRITE, description="Reads and records, annotates, tags and deletes runs."
    )


@strawberry.enum(description="What somebody is who asks.")
class ActorKind(Enum):
    """See the description, which is public."""

    USER = enum_value(identity.ActorKind.USER, description="An account: a person.")
    KEY = enum_value(identity.ActorKind.KEY, description="An API key: a program.")
    LOCAL = enum_value(
        identity.ActorKind.LOCAL, description="The one user of a server without accounts."
    )
    SERVER = enum_value(
        identity.ActorKind.SERVER, description="The server itself: it deletes what is too old."
    )


@strawberry.enum(description="What happens at a step of a run.")
class StepPhase(Enum):
    """See the description, which is public."""

    START = enum_value("START", description="A span starts: its input is there.")
    CHUNK = enum_value("CHUNK", description="A piece of a stream comes.")
    STATE = enum_value("STATE", description="The program records a value of its state.")
    EVENT = enum_value("EVENT", description="Any other event within a span or the run.")
    END = enum_value("END", description="A span ends: its output or error is there.")


@strawberry.enum(description="Which way steps are gone through.")
class StepDirection(Enum):
    """See the description, which is public."""

    FORWARD = enum_value("FORWARD", description="On from a step: later ones.")
    BACKWARD = enum_value("BACKWARD", description="Back from a step: earlier ones.")


@strawberry.enum(description="Why a call cannot be served from the record.")
class ReplayBlockerKind(Enum):
    """See the description, which is public."""

    OPAQUE = enum_value("OPAQUE", description="Of a part of its output only the class is known.")
    TRUNCATED = enum_value("TRUNCATED", description="Its output was cut.")
    REDACTED = enum_value("REDACTED", description="Parts of its output were removed on purpose.")
    UNFINISHED = enum_value("UNFINISHED", description="It never ended.")
    INCOMPLETE = enum_value("INCOMPLETE", description="Of the run: records of it are lost.")


@strawberry.enum(description="What happened to a message since the model call before.")
class ContextChangeKind(Enum):
    """See the description, which is public."""

    ADDED = enum_value("ADDED", description="It is new.")
    DROPPED = enum_value("DROPPED", description="It is gone.")
    CHANGED = enum_value("CHANGED", description="It says something else.")
    TRUNCATED = enum_value("TRUNCATED", description="Its text is a part of what it was.")
    REORDERED = enum_value("REORDERED", description="It stands elsewhere among the others.")
