"""What a replay does about a divergence, and which calls may run live: one table, and its settings.

Calls are looked up in the recording first; the policy says what comes of it. A fork, which goes on
live with something changed, sets its cut here, and its changes beside it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from agenttrace.errors import ConfigurationError
from agenttrace.replay.kinds import Action, DivergenceKind, Mode
from agenttrace.replay.selectors import Selectors
from agenttrace.spec import read_effect
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agenttrace.replay.calls import LiveCall
    from agenttrace.replay.kinds import Divergence
    from agenttrace.replay.report import Report
    from agenttrace.replay.tape import Node

Answer: TypeAlias = "str | Callable[[Divergence], str]"

_RAISE, _WARN, _SERVE, _LIVE = Action.RAISE, Action.WARN, Action.SERVE, Action.LIVE
_K = DivergenceKind
_MODES: Final = (Mode.STRICT, Mode.LENIENT, Mode.LIVE_AFTER_DIVERGENCE, Mode.CACHE)
# By mode, in the order of _MODES.
_TABLE: Final = {
    _K.INPUT_CHANGED: (_RAISE, _WARN, _LIVE, _LIVE),
    _K.EXTRA_CALL: (_RAISE, _RAISE, _LIVE, _LIVE),
    _K.MISSING_CALL: (_RAISE, _WARN, _WARN, _SERVE),
    _K.REORDERED: (_RAISE, _WARN, _WARN, _SERVE),
    _K.NESTING_CHANGED: (_RAISE, _WARN, _WARN, _SERVE),
    _K.RENAMED: (_RAISE, _WARN, _LIVE, _LIVE),
    _K.UNAVAILABLE: (_RAISE, _RAISE, _LIVE, _LIVE),
    _K.TYPE_DEGRADED: (_RAISE, _WARN, _WARN, _LIVE),
    _K.AMBIGUOUS: (_WARN, _WARN, _WARN, _SERVE),
    _K.OUTCOME_CHANGED: (_WARN, _WARN, _SERVE, _SERVE),
    _K.STREAM_OVERRUN: (_RAISE, _RAISE, _RAISE, _RAISE),
    _K.CANCEL_NOT_OBSERVED: (_RAISE, _RAISE, _RAISE, _RAISE),
    _K.UNRECORDED_IO: (_RAISE, _RAISE, _RAISE, _RAISE),
    _K.LIVE_BLOCKED: (_RAISE, _RAISE, _RAISE, _RAISE),
    _K.INTERNAL: (_RAISE, _RAISE, _RAISE, _RAISE),
}
# What `on` may say of each kind. Where there is nothing to serve, serving cannot be asked for; what
# has happened already cannot be run live.
_ANSWERS: Final = {
    _K.INPUT_CHANGED: {_RAISE, _WARN, _SERVE, _LIVE},
    _K.EXTRA_CALL: {_RAISE, _LIVE},
    _K.MISSING_CALL: {_RAISE, _WARN, _SERVE},
    _K.REORDERED: {_RAISE, _WARN, _SERVE, _LIVE},
    _K.NESTING_CHANGED: {_RAISE, _WARN, _SERVE, _LIVE},
    _K.RENAMED: {_RAISE, _WARN, _SERVE, _LIVE},
    _K.UNAVAILABLE: {_RAISE, _LIVE},
    _K.TYPE_DEGRADED: {_RAISE, _WARN, _SERVE, _LIVE},
    _K.AMBIGUOUS: {_RAISE, _WARN, _SERVE},
    _K.OUTCOME_CHANGED: {_RAISE, _WARN, _SERVE},
    _K.STREAM_OVERRUN: {_RAISE},
    _K.CANCEL_NOT_OBSERVED: {_RAISE},
    _K.UNRECORDED_IO: {_RAISE, _WARN, _SERVE},
}
DEFAULT_EFFECTS: Final = ("none", "read")


class Cut(NamedTuple):
    """Where a replay leaves its recording: from the step that starts at `seq` on all is live."""

    seq: int


class Policy:
    """The settings of one replay. Nothing in it changes."""

    def __init__(  # noqa: PLR0913 -- what a replay may be told, each by its name
        self,
        *,
        mode: str = Mode.STRICT,
        live: Iterable[str] = (),
        descend: Iterable[str] = (),
        allow_effects: Iterable[str] = DEFAULT_EFFECTS,
        max_live_calls: int | None = None,
        max_live_cost: float | str | Decimal | None = None,
        on: Mapping[str, Answer] | None = None,
    ) -> None:
        """Read the settings.

        Raises:
            ConfigurationError: for a mode, a selector, an effect or an answer that does not exist.

        """
        self.mode = _read_mode(mode)
        self._live = Selectors(live)
        self._descend = Selectors(descend)
        self._effects, self._allowed = _read_effects(allow_effects)
        if max_live_calls is not None and max_live_calls < 0:
            raise ConfigurationError(f"max_live_calls {max_live_calls}; expected 0 or more")
        self.max_live_calls = max_live_calls
        self.max_live_usd = _read_usd(max_live_cost)
        self._on = _read_answers(on or {})
        self.cut: Cut | None = None

    def judge(self, divergence: Divergence) -> Action:
        """Return what to do about a divergence.

        Raises:
            ConfigurationError: when a function of the user's answers what cannot be done.

        """
        kind = divergence.kind
        answer = self._on.get(kind)
        default = _TABLE[kind][_MODES.index(self.mode)]
        if divergence.is_structural and kind is not _K.OUTCOME_CHANGED:
            default = _SERVE
        if answer is None:
            return default
        if callable(answer):
            return _read_answer(kind, answer(divergence._replace(action=default)))
        return answer

    def is_live(self, call: LiveCall) -> bool:
        """Tell whether a call runs live whatever the recording has."""
        return self._find(self._live, call) is not None

    def is_opened(self, call: LiveCall) -> bool:
        """Tell whether the body of a call runs, and the calls within it are looked up."""
        return self._find(self._descend, call) is not None

    def find_nested(self, call: LiveCall, node: Node) -> tuple[str, str] | None:
        """Return a selector that means a call, and the place of one within it that it means too.

        `node` is the call's counterpart. The selector is one of `live` or `descend`, the place is
        by names, from the run on. None when no selector means both.
        """
        above = len(node.describe())
        for selectors in (self._live, self._descend):
            selector = self._find(selectors, call)
            for below in node.walk() if selector is not None else ():
                path, span = f"{call.path}{below.describe()[above:]}", below.span
                if span is None or not below.is_boundary:
                    continue
                if selector.matches(span.span_type, span.name, path):
                    return selector.text, path
        return None

    def list_unmet(self) -> list[str]:
        """Return the selectors of `live` and `descend` that meant no call so far."""
        return [*self._live.list_unmet(), *self._descend.list_unmet()]

    def is_beyond_cut(self, node: Node) -> bool:
        """Tell whether the recording is left where this step begins, or before."""
        if self.cut is None:
            return False
        end = node.end_seq
        return node.seq >= self.cut.seq or end is None or end > self.cut.seq

    def forbid(self, call: LiveCall, report: Report) -> tuple[str, str] | None:
        """Return why a call may not run live, and what to do about it; None when it may.

        `report` says how many have run live already, and what they cost.
        """
        made = report.live_calls
        if self.max_live_calls is not None and made >= self.max_live_calls:
            return (
                f"{made} calls have run live, and max_live_calls is {self.max_live_calls}",
                "raise max_live_calls to go on",
            )
        return self._forbid_cost(call, report) or self._forbid_effect(call)

    def _forbid_cost(self, call: LiveCall, report: Report) -> tuple[str, str] | None:
        limit, spent = self.max_live_usd, report.live_usd
        if limit is None:
            return None
        if spent >= limit:
            return (
                f"calls that ran live cost ${spent:f}, and max_live_cost is ${limit:f}",
                "raise max_live_cost to go on",
            )
        if report.unpriced is not None and call.spec.span_type is SpanType.LLM_CALL:
            return (
                f"what {report.unpriced} cost is not known, so max_live_cost cannot be kept",
                "give that call its rates (cost_per_prompt_token=…), or use max_live_calls",
            )
        return None

    def _forbid_effect(self, call: LiveCall) -> tuple[str, str] | None:
        effect = call.spec.effect
        if effect in self._effects or self._find(self._allowed, call) is not None:
            return None
        named = self._find(self._live, call)
        if named is not None and named.names_a_call:
            return None
        kind = call.spec.span_type.value.partition("_")[0].lower()
        return (
            f"its effect on the world is {effect!r}, which may not happen again",
            f"allow_effects=('none', 'read', '{kind}:{call.spec.name}') lets this call run",
        )

    def _find(self, selectors: Selectors, call: LiveCall) -> Any:
        return selectors.find(call.spec.span_type, call.spec.name, call.path)


def _read_usd(amount: float | str | Decimal | None) -> Decimal | None:
    if amount is None:
        return None
    try:
        read = Decimal(str(amount))  # a float counts as it is written
    except InvalidOperation:
        read = Decimal("NaN")
    if not read.is_finite() or read < 0:
        raise ConfigurationError(f"max_live_cost {amount!r}; expected US dollars, 0 or more")
    return read


def _read_mode(mode: str) -> Mode:
    try:
        return Mode(mode)
    except ValueError as error:
        names = ", ".join(_MODES)
        raise ConfigurationError(f"replay mode {mode!r}; expected one of {names}") from error


def _read_effects(given: Iterable[str]) -> tuple[set[str], Selectors]:
    texts = [given] if isinstance(given, str) else list(given)
    effects = {read_effect(text).value for text in texts if ":" not in text}
    return effects, Selectors(text for text in texts if ":" in text)


def _read_answers(on: Mapping[str, Answer]) -> dict[DivergenceKind, Action | Callable[..., Any]]:
    answers: dict[DivergenceKind, Action | Callable[..., Any]] = {}
    for name, answer in on.items():
        try:
            kind = DivergenceKind(name)
        except ValueError:
            kind = _K.INTERNAL
        if kind not in _ANSWERS:
            names = ", ".join(_ANSWERS)
            raise ConfigurationError(f"on: divergence {name!r}; expected one of {names}")
        answers[kind] = answer if callable(answer) else _read_answer(kind, answer)
    return answers


def _read_answer(kind: DivergenceKind, answer: object) -> Action:
    possible = _ANSWERS[kind]
    if answer not in possible:
        names = ", ".join(sorted(possible))
        raise ConfigurationError(f"on: {kind} is answered with {answer!r}; expected {names}")
    return Action(cast("str", answer))
