"""Where a replay goes over to live: a step, a span, or the first call that a selector means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agenttrace.errors import ConfigurationError
from agenttrace.replay.policy import Cut
from agenttrace.replay.selectors import Selector
from agenttrace.replay.tape import Tape

if TYPE_CHECKING:
    from agenttrace.trace import RecordedRun

_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}\Z")


def find_cut(live_from: int | str, runs: list[RecordedRun]) -> Cut:
    """Return the cut before the span that is meant: a `seq`, a span's id, or a selector.

    Raises:
        ConfigurationError: when the recording has no such span, or there are several recordings.

    """
    if len(runs) != 1:
        raise ConfigurationError("live_from is a place in one run; replay one at a time")
    tape = Tape(runs[0])
    if isinstance(live_from, int):
        last = max((node.seq for node in tape.nodes), default=-1)
        if live_from > last:
            raise ConfigurationError(
                f"live_from {live_from}: the last step of the recording begins at seq {last}"
            )
        return Cut(live_from)
    if not isinstance(live_from, str):
        raise ConfigurationError(
            f"live_from {live_from!r}; expected a step (an int), a span's id or a selector"
        )
    if _SPAN_ID.match(live_from):
        node = tape.by_id.get(live_from)
        if node is None:
            raise ConfigurationError(f"live_from: the recording has no span {live_from}")
        return Cut(node.seq)
    selector = Selector(live_from)
    for node in tape.nodes:
        assert node.span is not None
        path = f"{tape.run.name}/{node.describe()}"
        if selector.matches(node.span.span_type, node.span.name, path):
            return Cut(node.seq)
    raise ConfigurationError(f"live_from: the recording has no call {live_from!r}")
