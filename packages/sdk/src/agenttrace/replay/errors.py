"""What a replay raises: where the code leaves its recording, and what cannot be replayed at all.

BaseException
└── ReplayDivergence                   the code and its recording differ, and the policy says raise
    └── WorkerReplayDivergence         … in a process of multiprocessing's: an Exception, too
AgentTraceError
└── NotReplayableError                 a recording that no replay can go by; exit code 12
"""

from __future__ import annotations

from typing import ClassVar, Final

from agenttrace.errors import AgentTraceError
from agenttrace.replay.kinds import Divergence, DivergenceKind

EXIT_DIVERGED: Final = 10
EXIT_BLOCKED_IO: Final = 11
EXIT_NOT_REPLAYABLE: Final = 12

_EXIT_CODES: Final = {
    DivergenceKind.UNRECORDED_IO: EXIT_BLOCKED_IO,
    DivergenceKind.UNAVAILABLE: EXIT_NOT_REPLAYABLE,
}


class ReplayDivergence(BaseException):
    """The code left its recording. No Exception, so that an agent's `except Exception` lets it by.

    Where something does swallow it the session knows all the same: no call after it is served or
    run, and the end of the `with` block raises it again.
    """

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(str(divergence))
        self.divergence = divergence

    @property
    def exit_code(self) -> int:
        """With what a command ends: 10, 11 for blocked I/O, 12 for what the recording lacks."""
        return find_exit_code(self.divergence)


class WorkerReplayDivergence(ReplayDivergence, Exception):  # noqa: N818 -- as ReplayDivergence
    """As it is raised in a process that multiprocessing started: an Exception as well.

    A worker of a `multiprocessing.Pool` dies of any other, and nobody is ever told that its job has
    no answer: the program would wait for it without end. Where it is swallowed, the session of its
    parent and the command know all the same.
    """


class NotReplayableError(AgentTraceError):
    """A recording that no replay can go by; the message says which part of it, and why."""

    exit_code: ClassVar[int] = EXIT_NOT_REPLAYABLE


def find_exit_code(divergence: Divergence) -> int:
    """Return the exit code for a divergence that ended a replay."""
    return _EXIT_CODES.get(divergence.kind, EXIT_DIVERGED)
