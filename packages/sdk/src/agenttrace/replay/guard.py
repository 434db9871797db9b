"""Stops what reaches the world beside the recording: an audit hook over sockets and processes.

Python has no way to take an audit hook off, so there is one a process, which does nothing but look
at a name while no replay is guarded. C code with sockets of its own (gRPC) raises no such events.
Nor does multiprocessing where it spawns a process: that function is watched by itself.
"""

from __future__ import annotations

import multiprocessing.util
import os
import re
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from agenttrace.errors import ConfigurationError
from agenttrace.replay.kinds import Action, Divergence, DivergenceKind
from agenttrace.replaying import REPLAY_VARIABLE
from agenttrace.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
_TO_AN_ADDRESS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_IS_NAME: Final = re.compile(r"[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*")
_is_looking_up: Final = ContextVar("agenttrace_is_looking_up", default=False)
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

    `allow` are hosts, `host:port` or the names of programs that may be reached all the same. So may
    the AgentTrace servers that the program has an exporter for.
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
        if _is_looking_up.get():
            return
        target = _name_target(event, arguments)
        if threading.current_thread().name.startswith(_OWN_THREADS) or self._is_allowed(target):
            return
        if self._is_live() or (event in _TO_AN_ADDRESS and self._is_allowed_by_name(target)):
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
        allowed = self._list_allowed()
        return target in allowed or target.rpartition(":")[0] in allowed

    def _is_allowed_by_name(self, target: str) -> bool:
        """Tell whether an address is one of a host that is allowed by its name.

        Asked of what would be stopped only: it looks the names up, as the program has just done.
        """
        address, _, port = target.rpartition(":")
        hosts = {each.removesuffix(f":{port}") for each in self._list_allowed()}
        return any(address in _look_up(host) for host in hosts if _IS_NAME.fullmatch(host))

    def _list_allowed(self) -> set[str]:
        # Where it is not loaded no exporter was made; an audit hook imports nothing.
        exporters = sys.modules.get("agenttrace.exporters.http")
        return {*self._allow, *(exporters.list_addresses() if exporters is not None else ())}

    def _is_live(self) -> bool:
        """Tell whether a call that may run live is what does it.

        A thread without a context of ours (a resolver's) may work for any that is open.
        """
        node = self._find_node()
        if not isinstance(node, Span):
            return self._scopes.has_open_live()
        return self._scopes.is_live(node)


def _look_up(host: str) -> set[str]:
    token = _is_looking_up.set(True)
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:  # a program's name, or a host that is gone
        return set()
    finally:
        _is_looking_up.reset(token)


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
def _watching_spawns(guard: Guard) -> Iterator[None]:
    """Check the processes that multiprocessing spawns, and its fork server.

    Where the environment leads a program's processes by the recording they are let by.
    """
    if REPLAY_VARIABLE in os.environ or sys.platform == "win32":
        yield
        return
    spawn = multiprocessing.util.spawnv_passfds

    def spawn_checked(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
        if not any("resource_tracker" in _text(each) for each in args):
            guard.check("multiprocessing.spawn", (path,))
        return spawn(path, args, passfds)

    multiprocessing.util.spawnv_passfds = spawn_checked
    try:
        yield
    finally:
        multiprocessing.util.spawnv_passfds = spawn


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
        with _watching_spawns(guard):
            yield
    finally:
        with _lock:
            _check = before
