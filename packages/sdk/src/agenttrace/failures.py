"""An exception as a record: read on the caller's thread without I/O, written on the worker's."""

from __future__ import annotations

from sys import modules
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.encoding.snapshot import measure, take_snapshot
from agenttrace.encoding.tree import Frozen
from agenttrace.wire import Fidelity, Outcome, RunStatus, SpanStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from agenttrace.encoding.payload import Policy
    from agenttrace.encoding.snapshot import Snapshot
    from agenttrace.wire import ErrorRecord

MAX_MESSAGE_CHARS: Final = 16_384
MAX_CAUSES: Final = 8
MAX_CONTEXTS: Final = 4
"""How many contexts are kept that no traceback shows, however the causes are nested."""
MAX_MEMBERS: Final = 32
MAX_FRAMES: Final = 64
MAX_NOTES: Final = 32
MAX_MRO: Final = 32
MAX_VALUE_BYTES: Final = 64 * 1024
"""To how many bytes arguments are cut at once that are too large to wait in the queue."""
# Whose frames stand between the user's: the wrappers, and the context managers that re-raise.
_OWN_MODULES: Final = frozenset(
    f"agenttrace.{name}"
    for name in (
        *("adoption", "calls", "propagation", "recorder", "returned", "streams"),
        *("replay.bodies", "replay.streams", "replay.turns"),
    )
)


def _get_reader(name: str, kind: type = BaseException) -> Callable[[BaseException], Any]:
    reader: Callable[[BaseException], Any] = vars(kind)[name].__get__
    return reader


# The interpreter's own slots: a class may put code of its own behind the names.
_CAUSE: Final = _get_reader("__cause__")
_CONTEXT: Final = _get_reader("__context__")
_EXIT_CODE: Final = _get_reader("code", SystemExit)
_IS_CONTEXT_SUPPRESSED: Final = _get_reader("__suppress_context__")
_MEMBERS: Final = _get_reader("exceptions", BaseExceptionGroup)
_TRACEBACK: Final = _get_reader("__traceback__")

Frame: TypeAlias = tuple[str, int, str]
"""A line of a traceback: file name, line number, function name."""


class _Chain:
    """What is known above an exception: whose causes it is among, and the places for contexts."""

    __slots__ = ("contexts", "ids")

    def __init__(self, ids: frozenset[int], contexts: Iterator[int] | None = None) -> None:
        self.ids = ids
        self.contexts = iter(range(MAX_CONTEXTS)) if contexts is None else contexts


class Failure:
    """What is kept of an exception: names, texts and copies, no reference to it or to its frames.

    Of an exception group its members are kept too, 32 in all however they are nested: their
    texts, as their values are among the group's arguments.
    """

    __slots__ = (
        "arguments",
        "attributes",
        "cause",
        "cause_is_context",
        "context",
        "context_is_cause",
        "frames",
        "members",
        "message",
        "mro",
        "notes",
        "skipped_frames",
        "suppress_context",
        "type",
    )

    def __init__(
        self,
        error: BaseException,
        causes_left: int = MAX_CAUSES,
        places: Iterator[int] | None = None,
        *,
        is_member: bool = False,
        chain: _Chain | None = None,
    ) -> None:
        # Only an error needs the walker: a run without one never imports it.
        from agenttrace.encoding.objects import name_class  # noqa: PLC0415

        places = iter(range(MAX_MEMBERS)) if places is None else places
        self.type = name_class(type(error))
        self.mro: list[str] = []
        self.arguments: Snapshot | None = None
        self.attributes: Snapshot | None = None
        if not is_member:
            self._take_values(error)
        self.message = _read_message(error)
        self.frames, self.skipped_frames = _read_frames(_TRACEBACK(error))
        self.notes = _read_notes(error)
        self._take_causes(error, causes_left, places, chain or _Chain(frozenset()))
        self.members: list[Failure] = []
        if issubclass(type(error), BaseExceptionGroup):
            # A place is taken before a member is read, so that nested groups share them.
            for member, _ in zip(_MEMBERS(error), places, strict=False):
                self.members.append(Failure(member, causes_left - 1, places, is_member=True))

    def _take_causes(
        self, error: BaseException, causes_left: int, places: Iterator[int], chain: _Chain
    ) -> None:
        """Keep what led to it: first what a traceback shows, then the context that it does not.

        What is above in the same chain is a circle: there it ends, as a traceback does.
        """
        chain = _Chain(chain.ids | {id(error)}, chain.contexts)

        def take(other: BaseException | None) -> Failure | None:
            if other is None or causes_left <= 0 or id(other) in chain.ids:
                return None
            return Failure(other, causes_left - 1, places, chain=chain)

        cause, context = _CAUSE(error), _CONTEXT(error)
        self.suppress_context: bool = _IS_CONTEXT_SUPPRESSED(error)
        self.cause_is_context = cause is None and not self.suppress_context
        self.cause = take(context if self.cause_is_context else cause)
        self.context_is_cause = self.cause is not None and cause is context
        self.context: Failure | None = None
        if not (self.cause_is_context or self.context_is_cause or context is None):
            self.context = take(context) if next(chain.contexts, None) is not None else None

    def _take_values(self, error: BaseException) -> None:
        """Keep what the exception can be made again from: its classes, arguments, attributes."""
        from agenttrace.encoding.exceptions import (  # noqa: PLC0415 -- as above
            read_arguments,
            read_attributes,
            read_special,
        )
        from agenttrace.encoding.objects import read_mro, spell_class  # noqa: PLC0415 -- as above

        mro = [spell_class(cls) for cls in read_mro(type(error))[:MAX_MRO] if cls is not object]
        self.mro = [spelled for spelled in mro if spelled is not None]
        self.arguments = _take_by_codec(error)
        if self.arguments is not None:
            return
        self.arguments = take_snapshot(
            read_arguments(error), max_bytes=MAX_VALUE_BYTES, with_classes=True
        )
        state = {**read_attributes(error), **read_special(error)}
        state.pop("__notes__", None)  # they have a place of their own
        if state:
            self.attributes = take_snapshot(state, max_bytes=MAX_VALUE_BYTES, with_classes=True)

    def size(self) -> int:
        """Return about how many bytes of memory this takes."""
        mine = len(self.message) + 64 * len(self.frames) + sum(map(len, self.notes)) + 256
        mine += measure(self.arguments) + measure(self.attributes)
        mine += sum(member.size() for member in self.members)
        return mine + sum(each.size() for each in (self.cause, self.context) if each is not None)


def _take_by_codec(error: BaseException) -> Snapshot | None:
    """Return what a codec makes of the whole exception; None when none does."""
    from agenttrace.encoding.codecs import REGISTRY  # noqa: PLC0415 -- as in Failure

    if REGISTRY.find(type(error)) is None:
        return None
    snapshot = take_snapshot(error, max_bytes=MAX_VALUE_BYTES)
    is_known = not isinstance(snapshot, Frozen) or snapshot.fidelity is not Fidelity.OPAQUE
    return snapshot if is_known else None


def _read_message(error: BaseException) -> str:
    try:
        return _clean(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as second:  # noqa: BLE001 -- a __str__ is user code
        from agenttrace.encoding.objects import name_class  # noqa: PLC0415 -- as in Failure

        return f"(its text could not be read: {name_class(type(second))})"


def _clean(text: str) -> str:
    text = str.__str__(text)  # a subclass of str has methods of its own
    if len(text) > MAX_MESSAGE_CHARS:
        text = f"{text[:MAX_MESSAGE_CHARS]}… ({len(text)} characters)"
    return text.encode("utf-8", "replace").decode("utf-8")


def _read_notes(error: BaseException) -> list[str]:
    try:
        notes = getattr(error, "__notes__", None)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a __getattr__ is user code
        return []
    if type(notes) is not list:
        return []
    return [_clean(note) for note in notes[:MAX_NOTES] if type(note) is str]


def _read_frames(traceback: TracebackType | None) -> tuple[list[Frame], int]:
    """Return the frames of the user's code, the first and the last of them when there are many."""
    frames: list[Frame] = []
    while traceback is not None:
        module = dict.get(traceback.tb_frame.f_globals, "__name__")
        if type(module) is not str or module not in _OWN_MODULES:
            code = traceback.tb_frame.f_code
            frames.append((code.co_filename, traceback.tb_lineno, code.co_qualname))
        traceback = traceback.tb_next
    skipped = max(0, len(frames) - MAX_FRAMES)
    if skipped:
        half = MAX_FRAMES // 2
        frames = frames[:half] + frames[-half:]
    return frames, skipped


def write_failure(failure: Failure, policy: Policy, *, max_bytes: int) -> ErrorRecord:
    """Return the record of a failure; reads source lines, so it is the worker that calls this.

    Its `args` and `attributes` are at most `max_bytes` long each, as any payload.
    """
    clean = _pick_cleaner(policy)
    record: ErrorRecord = {"type": failure.type, "message": clean(failure.message)}
    if failure.frames or failure.members:
        record["traceback"] = clean(_replace_odd("\n".join(_write_traceback(failure))))
    if failure.cause is not None:
        record["cause"] = write_failure(failure.cause, policy, max_bytes=max_bytes)
        if failure.cause_is_context:
            record["cause_is_context"] = True
        elif failure.context_is_cause:
            record["context_is_cause"] = True
    if failure.context is not None:
        record["context"] = write_failure(failure.context, policy, max_bytes=max_bytes)
    if failure.suppress_context != ("cause" in record and not failure.cause_is_context):
        record["suppress_context"] = failure.suppress_context
    if failure.notes:
        record["notes"] = [clean(note) for note in failure.notes]
    _add_values(failure, record, policy, max_bytes=max_bytes)
    return record


def _pick_cleaner(policy: Policy) -> Callable[[str], str]:
    redactor = policy.redactor
    return str if redactor is None else redactor.redact_text


def _add_values(failure: Failure, record: ErrorRecord, policy: Policy, *, max_bytes: int) -> None:
    from agenttrace.encoding.payload import encode, write_payload  # noqa: PLC0415 -- the worker's

    if failure.mro:
        record["module"], _, record["qualname"] = failure.mro[0].partition(":")
        record["mro"] = failure.mro
    for name, snapshot in (("args", failure.arguments), ("attributes", failure.attributes)):
        if snapshot is not None:
            encoded = encode(snapshot, max_bytes=max_bytes, policy=policy)
            record[name] = write_payload(encoded)  # type: ignore[literal-required]  # two of its fields


def _write_traceback(failure: Failure) -> list[str]:
    lines = _write_frames(failure) if failure.frames else []
    count = len(failure.members)
    for index, member in enumerate(failure.members, start=1):
        # The record has no place for members, so they stand below the group's frames, as in Python.
        lines.append(f"  +---------------- {index} of {count} ----------------")
        text = [*_write_traceback(member), f"{member.type}: {member.message}", *member.notes]
        lines += (f"  | {line}" for part in text for line in part.splitlines())
    return lines


def _write_frames(failure: Failure) -> list[str]:
    from linecache import getline  # noqa: PLC0415 -- only an error needs it

    lines = ["Traceback (most recent call last):"]
    for index, (path, number, name) in enumerate(failure.frames):
        if failure.skipped_frames and index == MAX_FRAMES // 2:
            lines.append(f"  … {failure.skipped_frames} frames left out …")
        lines.append(f'  File "{path}", line {number}, in {name}')
        source = getline(path, number).strip()
        if source:
            lines.append(f"    {source}")
    return lines


def _replace_odd(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def judge_span(error: BaseException) -> tuple[SpanStatus, Outcome]:
    """Return how a span ends out of which `error` came."""
    kind = type(error)  # isinstance() may ask the error itself
    if issubclass(kind, Exception):
        return SpanStatus.ERROR, Outcome.ERROR
    if issubclass(kind, GeneratorExit):
        return SpanStatus.COMPLETED, Outcome.CLOSED
    if is_cancellation(kind):
        return SpanStatus.CANCELLED, Outcome.CANCELLED
    if issubclass(kind, KeyboardInterrupt):
        return SpanStatus.INTERRUPTED, Outcome.ERROR
    return SpanStatus.ERROR, Outcome.ERROR


def judge_run(error: BaseException | None) -> RunStatus:
    """Return how a run ends out of which `error` came; `sys.exit(0)` is an orderly end."""
    kind = type(error)
    if error is None or issubclass(kind, GeneratorExit):
        return RunStatus.COMPLETED
    if issubclass(kind, KeyboardInterrupt) or is_cancellation(kind):
        return RunStatus.INTERRUPTED
    if issubclass(kind, SystemExit):
        code = _EXIT_CODE(error)
        if code is None or (isinstance(code, int) and code == 0):
            return RunStatus.COMPLETED
    return RunStatus.ERROR


def is_cancellation(error_type: type) -> bool:
    """Tell whether this is asyncio's or trio's cancellation, without importing either."""
    for module, name in (("asyncio.exceptions", "CancelledError"), ("trio", "Cancelled")):
        kind = getattr(modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(error_type, kind):
            return True
    return False
