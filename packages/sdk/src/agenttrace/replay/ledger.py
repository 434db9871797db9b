"""The account of a replay and its latch: after a divergence that stops it, nothing goes on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from agenttrace.errors import ConfigurationError
from agenttrace.replay.differences import compare_inputs, describe_failure
from agenttrace.replay.errors import ReplayDivergence, WorkerReplayDivergence
from agenttrace.replay.forks import Board, follow_forks
from agenttrace.replay.kinds import Action, Divergence, DivergenceKind, find_way
from agenttrace.semconv import REPLAY_DIVERGENCE

if TYPE_CHECKING:
    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.policy import Policy
    from agenttrace.replay.report import Report
    from agenttrace.replay.tape import Node
    from agenttrace.span import Span
    from agenttrace.wire import RunStatus


class Witness(Protocol):
    """Who is told at once what happens in a replay, as the process may end at any moment."""

    def claim(self, run_id: str) -> bool:
        """Tell whether this process may go by a recorded run; no other may then."""

    def see(self, divergence: Divergence) -> None:
        """Take notice of a divergence."""

    def end_run(self, source_id: str, status: RunStatus) -> None:
        """Take notice that the run which went by a recorded one has ended."""

    def sum_up(self) -> None:
        """Take notice of everything that is counted."""


class Ledger:
    """Writes down divergences, asks the policy about each, and keeps the one that stopped all."""

    def __init__(self, policy: Policy, report: Report) -> None:
        self.policy = policy
        self.report = report
        self.witness: Witness | None = None
        self._board = Board()
        self._is_child = False
        follow_forks(self._stay, self._stay, self._begin_in_child)

    @property
    def is_stopped(self) -> bool:
        """Whether the replay is over: no call is served and no body runs any more."""
        if self.report.fatal is None and self._board.is_written():
            self.report.fatal = Divergence.from_described(self._board.read())
            self.report.divergences.append(self.report.fatal)  # met by another process of the run
        return self.report.fatal is not None

    @property
    def is_child(self) -> bool:
        """Whether this process was forked since the replay began."""
        return self._is_child

    def _stay(self) -> None:
        """Keep the account as it is."""

    def _begin_in_child(self) -> None:
        """Begin an account of this process: what was before the fork is its parent's."""
        self._is_child = True
        self.report.clear()

    def tell_kin(self) -> None:
        """In a process that was forked, have the account written: it may end without a word."""
        if self._is_child and self.witness is not None:
            self.witness.sum_up()

    def _latch(self, divergence: Divergence) -> None:
        if self.report.fatal is None:
            self.report.fatal = divergence
            self._board.write(divergence.describe())

    def make_error(self) -> ReplayDivergence:
        """Return what every call raises from now on."""
        assert self.report.fatal is not None
        processes = sys.modules.get("multiprocessing.process")
        is_worker = processes is not None and processes.parent_process() is not None
        return (WorkerReplayDivergence if is_worker else ReplayDivergence)(self.report.fatal)

    def note(self, name: str) -> None:
        """Count what was served although it was not the same to the letter."""
        self.report.notes[name] += 1

    def add(self, divergence: Divergence, span: Span | None = None) -> Action:
        """Write a divergence down and return what is done about it; RAISE stops the replay."""
        divergence, action = self._judge(divergence)
        if divergence.hint is None and action is Action.RAISE:
            divergence = divergence._replace(hint=find_way(divergence))
        divergence = divergence._replace(action=action)
        self.report.divergences.append(divergence)
        if action is Action.RAISE:
            self._latch(divergence)
        if self.witness is not None:
            self.witness.see(divergence)
        if span is not None:
            _tell(span, divergence.kind)
        return action

    def _judge(self, divergence: Divergence) -> tuple[Divergence, Action]:
        """Return what is done about a divergence; a function of the user's that fails stops all."""
        try:
            return divergence, self.policy.judge(divergence)
        except Exception as error:  # noqa: BLE001 -- the user's: whatever it is, it is told as theirs
            why = str(error) if isinstance(error, ConfigurationError) else describe_failure(error)
            message = (
                f"{divergence.message}; and on={{'{divergence.kind}': …}} gave no answer: {why}"
            )
            hint = "a function of on= takes the Divergence and returns raise, warn, serve or live"
            return divergence._replace(message=message, hint=hint), Action.RAISE

    def stop(self, divergence: Divergence) -> None:
        """Write down a divergence that no policy can let pass."""
        divergence = divergence._replace(action=Action.RAISE)
        self.report.divergences.append(divergence)
        self._latch(divergence)
        if self.witness is not None:
            self.witness.see(divergence)

    def stop_by_error(self, error: BaseException, path: str) -> None:
        """Stop because the replay itself went wrong: no call may run by mistake."""
        self.stop(
            Divergence(
                DivergenceKind.INTERNAL,
                Action.RAISE,
                f"the replay itself failed: {type(error).__name__}: {error}",
                path,
                hint="please report it; the recording and the traceback tell more",
            )
        )

    def diverge(  # noqa: PLR0913 -- what there is to say, each by its name
        self,
        kind: DivergenceKind,
        call: LiveCall,
        message: str,
        *,
        node: Node | None = None,
        hint: str | None = None,
        is_structural: bool = False,
    ) -> Action:
        """Write down that a call differs from its counterpart."""
        source = None if node is None or node.span is None else node.span.span_id
        divergence = Divergence(
            kind,
            Action.RAISE,
            message,
            call.path,
            span_id=call.span.span_id,
            source_span_id=source,
            hint=hint,
            is_structural=is_structural,
        )
        if kind is DivergenceKind.INPUT_CHANGED and node is not None:
            divergence = compare_inputs(divergence, node, call)
        elif kind is DivergenceKind.AMBIGUOUS and node is not None:
            divergence = divergence._replace(at="$self", recorded=node.receiver, live=call.receiver)
        return self.add(divergence, call.span)


def _tell(span: Span, kind: DivergenceKind) -> None:
    """Let the new run's span say what was met at it."""
    before = (span.attributes or {}).get(REPLAY_DIVERGENCE)
    kinds = [*before] if isinstance(before, list) else []
    span.set_own_attribute(REPLAY_DIVERGENCE, [*kinds, kind.value])
