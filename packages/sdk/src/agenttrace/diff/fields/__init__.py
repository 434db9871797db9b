"""Values, texts and chat messages compared field by field: pure functions on what JSON holds."""

from __future__ import annotations

from agenttrace.diff.fields.changes import (
    Change,
    ChangeKind,
    MessageRow,
    Place,
    list_changes,
    list_messages,
)
from agenttrace.diff.fields.delta import (
    FieldDelta,
    PatchError,
    apply_delta,
    compare_values,
    invert_delta,
)
from agenttrace.diff.fields.edits import MISSING
from agenttrace.diff.fields.messages import MessageOutcome
from agenttrace.diff.fields.normal import hash_value, normalise_value
from agenttrace.diff.fields.patches import export_patch
from agenttrace.diff.fields.payloads import PayloadDelta, compare_payloads, hash_payload
from agenttrace.diff.fields.rules import (
    BUILTIN_MASKS,
    DEFAULT_RULES,
    EXACT_RULES,
    FieldRules,
    Mask,
    Unordered,
)
from agenttrace.diff.fields.texts import Line, Op, Piece, TextDiff, TextEdge, compare_texts

__all__ = [
    "BUILTIN_MASKS",
    "DEFAULT_RULES",
    "EXACT_RULES",
    "MISSING",
    "Change",
    "ChangeKind",
    "FieldDelta",
    "FieldRules",
    "Line",
    "Mask",
    "MessageOutcome",
    "MessageRow",
    "Op",
    "PatchError",
    "PayloadDelta",
    "Piece",
    "Place",
    "TextDiff",
    "TextEdge",
    "Unordered",
    "apply_delta",
    "compare_payloads",
    "compare_texts",
    "compare_values",
    "export_patch",
    "hash_payload",
    "hash_value",
    "invert_delta",
    "list_changes",
    "list_messages",
    "normalise_value",
]
