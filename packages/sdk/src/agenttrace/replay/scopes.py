"""Where a live span stands in the recording: what its calls are looked up under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.replay.copies import Lanes
from agenttrace.replay.matching import Matcher

if TYPE_CHECKING:
    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.order import Order, Ticket
    from agenttrace.replay.places import Place
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.replay.volatile import Volatile
    from agenttrace.span import Span


class Track:
    """One live run that goes by one recorded run."""

    __slots__ = ("lanes", "matcher", "order", "reported", "tape")

    def __init__(self, tape: Tape, volatile: Volatile | None, order: Order) -> None:
        self.tape = tape
        self.order = order
        self.matcher = Matcher(tape, volatile)
        self.lanes = Lanes()
        self.reported: set[int] = set()  # ids of nodes that are known to be missing


class Scope:
    """A live span or run, and the place in the recording that its calls are looked up under.

    With `is_own` that is its own counterpart's; else it is transparent and has its parent's.
    `is_live`: what is called within it runs.
    """

    __slots__ = ("call", "is_live", "is_own", "path", "place", "ticket", "track")

    def __init__(
        self,
        path: str,
        track: Track | None,
        place: Place | None,
        *,
        is_own: bool = False,
        is_live: bool = False,
    ) -> None:
        self.path = path
        self.track = track
        self.place = place
        self.is_own = is_own
        self.is_live = is_live
        self.call: LiveCall | None = None  # of a span of code, until it ends
        self.ticket: Ticket | None = None  # while a served call is on its way

    @property
    def own(self) -> Node | None:
        """Its own counterpart, as far as that is known by now."""
        return self.place.node if self.is_own and self.place is not None else None


class Scopes:
    """The scopes of all live spans and runs of a replay; they stay, for tasks that outlive them."""

    def __init__(self) -> None:
        self._by_run: dict[str, Scope] = {}
        self._by_span: dict[tuple[str, int], Scope] = {}
        self._open_live: set[tuple[str, int]] = set()

    def find(self, span: Span) -> Scope:
        """Return the scope that a span was started in."""
        run_id = span.run.run_id
        found = self._by_span.get((run_id, span.parent_id)) if span.parent_id else None
        found = found or self._by_run.get(run_id)
        return Scope(span.run.name, None, None) if found is None else found

    def find_own(self, span: Span) -> Scope | None:
        """Return the scope that a span itself is."""
        return self._by_span.get((span.run.run_id, span.id))

    def find_run(self, run_id: str) -> Scope | None:
        """Return the scope that a run is."""
        return self._by_run.get(run_id)

    def list_runs(self) -> list[Scope]:
        """Return the scopes of all runs so far."""
        return list(self._by_run.values())

    def add(self, span: Span, scope: Scope) -> None:
        """Remember a span's scope."""
        self._by_span[span.run.run_id, span.id] = scope

    def add_run(self, run_id: str, scope: Scope) -> None:
        """Remember a run's scope."""
        self._by_run[run_id] = scope

    def is_live(self, span: Span) -> bool:
        """Tell whether a span is within a call that runs live."""
        scope = self.find_own(span)
        return scope is not None and scope.is_live

    def begin_live(self, span: Span) -> None:
        """Take notice of a call that runs live, until `end_live`."""
        self._open_live.add((span.run.run_id, span.id))

    def end_live(self, span: Span) -> None:
        """Take notice that a call has ended."""
        self._open_live.discard((span.run.run_id, span.id))

    def has_open_live(self) -> bool:
        """Tell whether a call that runs live is open."""
        return bool(self._open_live)
