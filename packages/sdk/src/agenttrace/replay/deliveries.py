"""Recorded calls on their way to the program: used up, and copied with what they held."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.replay.copies import Copier
from agenttrace.replay.kinds import INPUT_UNVERIFIED, DivergenceKind, Status
from agenttrace.replay.marks import dress, mark
from agenttrace.replay.order import CANCEL_WAIT_S, ORDER_TIMEOUT_S
from agenttrace.replay.places import Place
from agenttrace.replay.scopes import Scope
from agenttrace.replay.streams import Feed, Pace
from agenttrace.replay.tales import is_stream, read_tale
from agenttrace.replay.turns import Turn

if TYPE_CHECKING:
    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.forks import SharedLock
    from agenttrace.replay.ledger import Ledger
    from agenttrace.replay.scopes import Scopes
    from agenttrace.replay.serving import Served, Server
    from agenttrace.replay.streams import Tale
    from agenttrace.replay.tape import Node
    from agenttrace.replay.volatile import Volatile


class Settings(NamedTuple):
    """How a replay is led beside its policy."""

    volatile: Volatile | None = None
    order_timeout_s: float = ORDER_TIMEOUT_S
    is_immediate: bool = False
    cancel_wait_s: float = CANCEL_WAIT_S
    stream_speed: float | None = None


class Deliveries:
    """Hands out what was recorded. Its methods are called under the conductor's lock."""

    def __init__(
        self, ledger: Ledger, server: Server, scopes: Scopes, settings: Settings, lock: SharedLock
    ) -> None:
        self._ledger = ledger
        self._server = server
        self._scopes = scopes
        self.settings = settings
        self._lock = lock  # for what is found out later, while a call is on its way

    def examine(self, call: LiveCall, scope: Scope, node: Node) -> tuple[Tale | None, Served]:
        """Return what a node gives, a stream or not, and what of it is not as it was."""
        assert scope.track is not None
        if is_stream(call.kind, node):
            return read_tale(call.kind, node, scope.track.tape.events_of(node), self._server)
        return None, self._server.serve(node)

    def deliver(
        self, call: LiveCall, scope: Scope, node: Node, tale: Tale | None, served: Served
    ) -> Turn | Feed:
        """Take a node as served and return it on its way."""
        track, report = scope.track, self._ledger.report
        assert track is not None
        assert node.span is not None
        assert scope.place is not None
        track.matcher.use(scope.place, call, node, is_own=call.is_own)
        own = Scope(call.path, track, Place(node), is_own=True)
        self.begin(call, own, node, Status.REPLAYED)
        dress(call.span, node.span, is_stream=tale is not None)
        report.save(node.span, is_outermost=True)
        for copied in Copier(track.tape, node, call.span, track.lanes).copy():
            report.counts[Status.COPIED] += 1
            report.save(copied, is_outermost=False)
        give_up = partial(self._miss_cancellation, call, node)
        if tale is not None:
            pace = Pace(self.settings.stream_speed, self.settings.cancel_wait_s)
            overrun = partial(self._overrun, call, node)
            doubt = partial(self._ledger.note, INPUT_UNVERIFIED)
            return Feed(
                tale, node, track.order, pace, overrun=overrun, give_up=give_up, doubt=doubt
            )
        own.ticket = track.order.enter(node)
        limit_s = self.settings.cancel_wait_s
        return Turn(served, track.order, own.ticket, give_up=give_up, limit_s=limit_s)

    def begin(self, call: LiveCall, scope: Scope, node: Node | None, status: Status) -> None:
        """Take notice of what becomes of a call."""
        self._scopes.add(call.span, scope)
        if scope.is_live:
            self._scopes.begin_live(call.span)
        self._ledger.report.counts[status] += 1
        mark(call.span, status, None if node is None else node.span)

    def _overrun(self, call: LiveCall, node: Node) -> BaseException:
        return self._stop(
            DivergenceKind.STREAM_OVERRUN,
            call,
            node,
            "the program asks for more of this stream than it did when it was recorded",
            "what would have come then was never recorded: run it with live=",
        )

    def _miss_cancellation(self, call: LiveCall, node: Node) -> BaseException:
        return self._stop(
            DivergenceKind.CANCEL_NOT_OBSERVED,
            call,
            node,
            f"it was cancelled then, and is not after {self.settings.cancel_wait_s:g} s",
            "the code that cancels it has changed, or waits for something else",
        )

    def _stop(
        self, kind: DivergenceKind, call: LiveCall, node: Node, message: str, hint: str
    ) -> BaseException:
        with self._lock:
            self._ledger.diverge(kind, call, message, node=node, hint=hint)
            return self._ledger.make_error()
