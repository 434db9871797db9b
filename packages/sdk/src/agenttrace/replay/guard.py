"""Stops what reaches the world beside the recording: an audit hook over sockets and processes.

Python has no way to take an audit hook off, so there is one a process, which does nothing but look
at a name while no replay is guarded. C code with sockets of its own (gRPC) raises no such events.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from agenttrace.errors import ConfigurationError
from agenttrace.replay.kinds import Action, Divergence, DivergenceKind
from agenttrace.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from agenttrace.recorder import Node, Recorder
    from agenttrace.replay.ledger import Ledger
    from agenttrace.replay.scopes import Scopes

_EVENTS: Final = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "socket.sendmsg",
        "subprocess.Popen",
        "os.system",
        "os.posix_spawn",
        "os.exec",
        "os.spawn",
    }
)
_OWN_THREADS: Final = "agenttrace-"
_OWN_MODULE: Final = "agenttrace."
_LIBRARY: Final = sys.modules["os"].__file__ or ""

_check: Callable[[str, tuple[Any, ...]], None] | None = None
_is_installed = False
_lock: Final = threading.Lock()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    check = _check
    if check is not None and event in _EVENTS:
        check(event, arguments)


class Guard:
    """Stops the I/O of one replay that is neither recorded nor within a call that may run live.

    `allow` are hosts, `host:port` or the names of programs that may be reached all the same.
    """

    def __init__(
        self, recorders: list[Recorder], ledger: Ledger, scopes: Scopes, allow: frozenset[str]
    ) -> None:
        self._recorders = recorders
        self._ledger = ledger
        self._scopes = scopes
        self._allow = allow

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Let an event pass, or stop the replay.

        Raises:
            ReplayDivergence: it is not recorded, and may not happen.

        """
        target = _name_target(event, arguments)
        if threading.current_thread().name.startswith(_OWN_THREADS) or self._is_allowed(target):
            return
        if self._is_live():
            return
        path = _find_path(self._scopes, self._find_node())
        action = self._ledger.add(
            Divergence(
                DivergenceKind.UNRECORDED_IO,
                Action.RAISE,
                f"{event} {target} at {_find_place()}",
                path,
                hint="put it into a traced call, so that it is recorded and served; or allow it "
                f"with guard_io={{'allow': [{target!r}]}}, --allow-io {target}",
            )
        )
        if action is Action.RAISE:
            raise self._ledger.make_error()

    def _find_node(self) -> Node | None:
        """Return the innermost span or run of this context, of any of the tracers."""
        nodes = [recorder.node.get() for recorder in self._recorders]
        spans = [node for node in nodes if isinstance(node, Span)]
        return next((node for node in [*spans, *nodes] if node is not None), None)

    def _is_allowed(self, target: str) -> bool:
        return target in self._allow or target.rpartition(":")[0] in self._allow

    def _is_live(self) -> bool:
        """Tell whether a call that may run live is what does it.

        A thread without a context of ours (a resolver's) may work for any that is open.
        """
        node = self._find_node()
        if not isinstance(node, Span):
            return self._scopes.has_open_live()
        return self._scopes.is_live(node)


def _find_path(scopes: Scopes, node: Node | None) -> str:
    if node is None:
        return "(outside of a run)"
    scope = scopes.find_own(node) if isinstance(node, Span) else None
    return node.run.name if scope is None else scope.path


def _name_target(event: str, arguments: tuple[Any, ...]) -> str:
    """Return `host:port` or a program's name."""
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = _text(arguments[0])
        port = arguments[1] if len(arguments) > 1 else None
        return host if port is None else f"{host}:{_text(port)}"
    if event.startswith("socket."):
        address = arguments[1] if len(arguments) > 1 else ""
        if isinstance(address, tuple):
            return ":".join(_text(part) for part in address[:2])
        return _text(address)
    first = arguments[0] if arguments else ""
    return _text(first[0] if isinstance(first, list | tuple) and first else first)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _find_place() -> str:
    """Return file and line of the nearest frame that is the program's own."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 -- there is no other way to it
    nearest = None
    folder = _LIBRARY.rpartition("/")[0]
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        path = frame.f_code.co_filename
        if not name.startswith(_OWN_MODULE):
            place = f"{path}:{frame.f_lineno}"
            nearest = nearest or place
            if not path.startswith((folder, "<")) and "site-packages" not in path:
                return place
        frame = frame.f_back
    return nearest or "an unknown place"


def read_allowed(guard_io: object) -> frozenset[str]:
    """Return what may be reached, as `guard_io={"allow": ["localhost:5432"]}` says it.

    Raises:
        ConfigurationError: when it says something else.

    """
    if isinstance(guard_io, bool):
        return frozenset()
    if not isinstance(guard_io, Mapping) or set(guard_io) != {"allow"}:
        raise ConfigurationError(f"guard_io {guard_io!r}; expected True, False or {{'allow': […]}}")
    return frozenset(guard_io["allow"])


@contextmanager
def guarding(guard: Guard) -> Iterator[None]:
    """Check everything that reaches out while the block lasts."""
    global _check, _is_installed  # noqa: PLW0603 -- one hook a process, as the interpreter has it
    with _lock:
        if not _is_installed:
            sys.addaudithook(_hook)
            _is_installed = True
        before, _check = _check, guard.check
    try:
        yield
    finally:
        with _lock:
            _check = before
