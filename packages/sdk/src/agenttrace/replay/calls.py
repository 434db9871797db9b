"""A call that the program makes while it is replayed, as it is looked for in the recording."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.payload import encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.replaying import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.snapshot import Encoded, Snapshot
    from agenttrace.replaying import Bind, CallKind
    from agenttrace.span import Span
    from agenttrace.spec import Spec
    from agenttrace.wire import JsonValue, SpanType

_FOR_MORE: Final = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


class LiveCall:
    """What is known of a call before its body runs. Its input is read when it is asked for.

    `path` is its place by names, from the run on. `rebind` gives its arguments once more; None for
    a `with` block, which has none. `receiver` is which of several objects a method was called on.
    `is_own` is whether its counterpart is a call that nothing tells from it.
    """

    __slots__ = (
        "_has_read",
        "_input",
        "is_own",
        "kind",
        "path",
        "rebind",
        "receiver",
        "span",
        "spec",
    )

    def __init__(
        self,
        span: Span,
        path: str,
        kind: CallKind = FUNCTION,
        rebind: Callable[[], dict[str, object]] | None = None,
        receiver: str | None = None,
    ) -> None:
        self.span = span
        self.kind = kind
        self.spec: Spec = span.spec
        self.path = path
        self.rebind = rebind
        self.receiver = receiver
        self.is_own = True
        self._input: Encoded | None = None
        self._has_read = False

    @property
    def key(self) -> tuple[SpanType, str, str | None]:
        """What it has in common with its counterpart in any case: type, name, replay key."""
        return self.spec.span_type, self.spec.name, self.span.replay_key

    @property
    def lane(self) -> int:
        """The thread of control that it is made in."""
        return self.span.lane_id

    @property
    def input(self) -> Encoded | None:
        """Its input as the recorder writes it, with its hash; None when inputs are not captured."""
        if not self._has_read:
            snapshot = self.span.input
            self._input = None if snapshot is None else self._encode(snapshot)
            self._has_read = True
        return self._input

    @property
    def hash(self) -> str | None:
        """The hash of its canonical input; None when that was not read whole."""
        return None if self.input is None else self.input.hash

    @property
    def value(self) -> JsonValue:
        """Its input as a payload shows it."""
        return None if self.input is None else json.loads(self.input.text)

    def hash_without_new_defaults(self, known: JsonValue) -> str | None:
        """Return the hash without parameters that have their default and are not in `known`.

        None when there is none to leave out.
        """
        function = self.spec.function
        if self.rebind is None or function is None or not isinstance(known, dict):
            return None
        arguments = self.rebind()
        new = [name for name in arguments if name not in known]
        if not new or not all(_has_default(function, name, arguments[name]) for name in new):
            return None
        rest = {name: value for name, value in arguments.items() if name in known}
        recorder = self.span.run.recorder
        return self._encode(take_snapshot(rest, max_bytes=recorder.max_payload_bytes)).hash

    def _encode(self, snapshot: Snapshot) -> Encoded:
        recorder = self.span.run.recorder
        return encode(
            snapshot,
            max_bytes=recorder.max_payload_bytes,
            with_hash=True,
            policy=recorder.policy,
        )


def make_rebind(
    bind: Bind, args: tuple[object, ...], kwargs: dict[str, object]
) -> Callable[[], dict[str, object]]:
    """Return what binds a call's arguments to their names again."""

    def rebind() -> dict[str, object]:
        return bind(args, kwargs)

    return rebind


def _has_default(function: Callable[..., Any], name: str, value: object) -> bool:
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):
        return False
    if parameter is None:
        return False
    if parameter.kind in _FOR_MORE:
        return not value  # a tuple or a dict that Python made
    if parameter.default is inspect.Parameter.empty:
        return False
    # The binder hands out the default itself; an equal one of a type that is safe to ask is it too.
    if parameter.default is value:
        return True
    plain = (str, int, float, bool, type(None))
    return (
        type(value) is type(parameter.default)
        and type(value) in plain
        and bool(value == parameter.default)
    )
