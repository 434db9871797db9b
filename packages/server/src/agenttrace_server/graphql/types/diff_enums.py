"""Enumerations of comparisons. A member's value is the text that the SDK's library has."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="What became of a span from base to head.")
class DiffOutcome(Enum):
    """See the description, which is public."""

    UNCHANGED = enum_value("unchanged", description="It is the same; figures may differ.")
    CHANGED = enum_value("changed", description="Its content differs: see `flags`.")
    ADDED = enum_value("added", description="Head alone has it.")
    REMOVED = enum_value("removed", description="Base alone has it.")
    MOVED = enum_value("moved", description="It is elsewhere, or in another order: see `reason`.")
    RENAMED = enum_value("renamed", description="Its name changed; its type and input did not.")
    WRAPPED = enum_value("wrapped", description="Head alone has it, around what was there.")
    UNWRAPPED = enum_value("unwrapped", description="Base alone has it, around what stays.")


@strawberry.enum(description="What two runs are to each other.")
class DiffVerdict(Enum):
    """See the description, which is public."""

    IDENTICAL = enum_value("identical", description="They are the same; figures may differ.")
    DIFFERENT = enum_value("different", description="Something differs: see `counts`.")
    UNRELATED = enum_value("unrelated", description="No span of one is in the other.")
    NO_SPANS = enum_value("no_spans", description="Neither has a span: nothing is compared.")
    INCOMPLETE = enum_value(
        "incomplete", description="One is still open, or records of it are lost: see `warnings`."
    )


@strawberry.enum(description="What of a span, or of a run itself, differs.")
class DiffFlag(Enum):
    """See the description, which is public."""

    INPUT = enum_value("input", description="Its input; of a model call, what is asked.")
    OUTPUT = enum_value("output", description="Its output.")
    ERROR = enum_value("error", description="The class or text of its error.")
    STATUS = enum_value("status", description="Its status.")
    MODEL = enum_value("model", description="The model that was asked, or that answered.")
    PARAMS = enum_value("params", description="How a model is to answer, such as `temperature`.")
    ATTRIBUTES = enum_value("attributes", description="Its attributes but for figures and ids.")


@strawberry.enum(description="One of the two runs of a comparison.")
class DiffSide(Enum):
    """See the description, which is public."""

    BASE = enum_value("base", description="The run that is compared with.")
    HEAD = enum_value("head", description="The run that is judged.")


@strawberry.enum(description="Why a difference may have begun: by rule, a hint with its evidence.")
class DiffCauseKind(Enum):
    """See the description, which is public."""

    MODEL_NONDETERMINISM = enum_value(
        "model_nondeterminism", description="The model was asked the same and answered otherwise."
    )
    MODEL_VERSION = enum_value(
        "model_version", description="Another version of the model answered the same question."
    )
    WORLD_CHANGED = enum_value(
        "world_changed", description="A tool or retrieval gave something else for the same input."
    )
    CODE_OR_PROMPT_CHANGE = enum_value(
        "code_or_prompt_change", description="The input differs, and nothing before it does."
    )
    CONFIG_CHANGE = enum_value(
        "config_change", description="Only the model, or its parameters, are others."
    )
    CONTROL_FLOW_CHANGE = enum_value(
        "control_flow_change", description="Other calls are made, though nothing before differs."
    )
    AGENT_DECISION = enum_value(
        "agent_decision", description="The model's answer differs, and other calls follow it."
    )
    NEW_FAILURE = enum_value("new_failure", description="It failed, with the same input.")
    FAILURE_GONE = enum_value("failure_gone", description="It fails no more, with the same input.")
    LOOP = enum_value("loop", description="The same call is made three times or more.")
    NOT_RECORDED = enum_value(
        "not_recorded", description="Records of the run without it are lost: it may have been."
    )
    PERFORMANCE = enum_value("performance", description="Nothing but figures differs.")


@strawberry.enum(description="What to know before trusting a comparison.")
class DiffWarningCode(Enum):
    """See the description, which is public."""

    RUNNING = enum_value("running", description="The end of the run was not recorded.")
    INCOMPLETE = enum_value("incomplete", description="Records of the run are lost.")
    UNREADABLE = enum_value(
        "unreadable", description="Lines of a file could not be read; never of a stored run."
    )
    TRUNCATED = enum_value("truncated", description="Values were cut, redacted or opaque.")
    MISSING_PARENT = enum_value("missing_parent", description="Spans have no parent in the run.")
    PARENT_CYCLE = enum_value("parent_cycle", description="Spans are their own ancestors.")
    APPROXIMATE = enum_value("approximate", description="A smaller difference may exist.")
    NOTHING_SHARED = enum_value("nothing_shared", description="No span of one is in the other.")
    EMPTY = enum_value("empty", description="The run has no span.")


@strawberry.enum(description="Which texts are compared as the JSON that they hold.")
class DiffJsonStrings(Enum):
    """See the description, which is public."""

    ARGUMENTS = enum_value("arguments", description="Those named `arguments`, as of tool calls.")
    ALL = enum_value("all", description="All that hold an object or a list.")
    NONE = enum_value("none", description="None.")


@strawberry.enum(description="What a difference within a value is.")
class DiffChangeKind(Enum):
    """See the description, which is public."""

    ADDED = enum_value("added", description="Head alone has it.")
    REMOVED = enum_value("removed", description="Base alone has it.")
    CHANGED = enum_value("changed", description="It is another value.")
    MOVED = enum_value("moved", description="It is at another place of its list.")
    RETYPED = enum_value("retyped", description="Its recorded type is another.")


@strawberry.enum(description="What became of a chat message.")
class DiffMessageOutcome(Enum):
    """See the description, which is public."""

    UNCHANGED = enum_value("unchanged", description="It is the same.")
    INJECTED = enum_value("injected", description="It is new.")
    DROPPED = enum_value("dropped", description="It is gone.")
    CHANGED = enum_value("changed", description="It says something else.")
    TRUNCATED = enum_value("truncated", description="Its text is the beginning of what it was.")
    REORDERED = enum_value("reordered", description="It is at another place.")
