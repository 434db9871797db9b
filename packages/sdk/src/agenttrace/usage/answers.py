"""What a model's answer reports of itself: tokens, model, provider, id, and now and then a price.

Read from the objects and dicts of the OpenAI, Anthropic and Google clients, whole or streamed, and
from the shapes that others give theirs. Nothing of an answer's own code runs: fields are read
where instances keep them, properties are not. A text or a list costs one look at its type.
"""

from __future__ import annotations

from itertools import islice
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.encoding.objects import find_in_class
from agenttrace.usage.figures import clean_usage
from agenttrace.usage.shapes import (
    BILLED,
    COUNTS,
    HOLDERS,
    ID_NAMES,
    MODALITIES,
    MODALITY_LISTS,
    MODEL_NAMES,
    PARTS,
    PROVIDERS,
    TOP_COUNTS,
    USAGE_NAMES,
)

if TYPE_CHECKING:
    from agenttrace.wire import UsageRecord

_Fields: TypeAlias = dict[Any, Any]  # of whatever a program's answer is made of

_NO_ANSWERS: Final = frozenset(
    {str, type(None), int, float, bool, bytes, bytearray, list, tuple, set, frozenset, complex}
)
_MAX_FIELDS: Final = 1024
_MAX_MODALITIES: Final = 16
_C_DESCRIPTORS: Final = frozenset({GetSetDescriptorType, MemberDescriptorType})
_EMPTY: Final[_Fields] = {}
_list_bases: Final = type.__dict__["__mro__"].__get__
_list_own: Final = type.__dict__["__dict__"].__get__


class Report:
    """What one answer, or all chunks of one stream so far, said. `counts` are as they were told.

    Chunks merge field by field: the last figure of each field holds and nothing is added up, since
    what streams report counts up already.
    """

    __slots__ = ("cost", "counts", "kind", "model", "response_id", "said_provider", "tier")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.model: str | None = None
        self.kind: type | None = None  # of the object, which tells whose client made it
        self.said_provider: str | None = None
        self.response_id: str | None = None
        self.tier: str | None = None  # what the provider calls its class of service
        self.cost: float | None = None  # US dollars, as the answer has the number

    def merge(self, other: Report) -> None:
        """Take over whatever `other`, which came later, knows."""
        self.counts.update(other.counts)
        for name in ("cost", "kind", "model", "response_id", "said_provider", "tier"):
            value = getattr(other, name)
            if value is not None:
                setattr(self, name, value)

    def usage(self) -> UsageRecord | None:
        """Return the figures in one meaning: a prompt with its cache, an answer with reasoning."""
        counts = self.counts
        if not counts:
            return None
        figures: dict[str, object] = {
            "prompt_tokens": _sum_prompt(counts),
            "completion_tokens": _sum_completion(counts),
            "total_tokens": counts.get("total"),
            "cached_tokens": counts.get("cached", counts.get("beside_read")),
            "cache_write_tokens": counts.get("cache_write", counts.get("beside_write")),
            "reasoning_tokens": counts.get("reasoning", counts.get("thoughts")),
        }
        return clean_usage(figures, "reported")

    def names(self) -> set[str | None]:
        """Return what an answer can be told by: its id, and its figures for who passes on these."""
        figures = ",".join(f"{name}={count}" for name, count in sorted(self.counts.items()))
        return {self.response_id, f"figures {figures}"}

    def provider(self) -> str | None:
        """Return OpenTelemetry's name of the provider; None when nothing tells it."""
        return self.said_provider or _find_provider(self.kind)

    def details(self) -> dict[str, int | str]:
        """Return what has a price of its own beside the usage; empty for most answers."""
        found: dict[str, int | str] = {
            name: count for name, count in self.counts.items() if count and name in BILLED
        }
        if self.tier is not None and self.tier not in {"default", "standard", "auto", "ON_DEMAND"}:
            found["service_tier"] = self.tier
        return found


def _sum_prompt(counts: dict[str, int]) -> int | None:
    prompt = counts.get("prompt")
    if prompt is None and (prompt := counts.get("input")) is not None:
        # Anthropic and Bedrock count what a cache took part in beside the input.
        prompt += counts.get("beside_read", 0) + counts.get("beside_write", 0)
    return None if prompt is None else prompt + counts.get("tool_prompt", 0)


def _sum_completion(counts: dict[str, int]) -> int | None:
    output, reasoning = counts.get("output"), counts.get("reasoning", 0)
    if output is not None:
        # xAI counts reasoning beside the answer; its total gives it away.
        is_beside = reasoning and counts.get("total") == (
            (_sum_prompt(counts) or 0) + output + reasoning
        )
        return output + reasoning if is_beside else output
    if "candidates" in counts or "thoughts" in counts:
        return counts.get("candidates", 0) + counts.get("thoughts", 0)
    return None


def read_report(answer: object) -> Report | None:
    """Return what `answer` reports, or None when that is nothing. Never raises."""
    if type(answer) in _NO_ANSWERS:
        return None
    top = _open(answer)
    for name in HOLDERS:
        holder = answer if name is None else dict.get(top, name)
        fields = top if name is None else _open(holder)
        if not fields:
            continue
        usage = _find_usage(fields)
        model = _find_text(fields, MODEL_NAMES)
        if usage or model is not None:
            report = Report()
            _read_counts(usage, report.counts)
            report.model = model or _find_text(
                _open(dict.get(fields, "response_metadata")), MODEL_NAMES
            )
            _read_facts(holder, fields, usage, report)
            return report
    return None


def _find_usage(fields: _Fields) -> _Fields:
    for name in USAGE_NAMES:
        if found := _open(dict.get(fields, name)):
            return found
    return fields if any(dict.get(fields, name) is not None for name in TOP_COUNTS) else _EMPTY


def _read_counts(usage: _Fields, counts: dict[str, int]) -> None:
    parts: list[tuple[str, object]] = []
    for name, value in list(islice(dict.items(usage), _MAX_FIELDS)):
        if type(name) is not str:
            continue
        if type(value) is int:
            if value >= 0 and name in COUNTS:
                counts[COUNTS[name]] = value
        elif value is not None and (name in PARTS or name in MODALITY_LISTS):
            parts.append((name, value))
    for name, part in parts:  # after the flat ones: a part says more exactly what it counts
        if type(part) is list:
            _read_modalities(part, MODALITY_LISTS.get(name), counts)
        else:
            _read_part(part, PARTS.get(name, {}), counts)


def _read_part(part: object, known: dict[str, str], counts: dict[str, int]) -> None:
    fields = _open(part)
    for name, count in known.items():
        value = dict.get(fields, name)
        if type(value) is int and value >= 0:
            counts[count] = value


def _read_modalities(items: list[object], form: str | None, counts: dict[str, int]) -> None:
    # Google: [{"modality": "AUDIO", "token_count": 7}, …]; text needs no figure of its own.
    if form is None:
        return
    found: dict[str, int] = {}
    for item in items[:_MAX_MODALITIES]:
        fields = _open(item)
        kind = MODALITIES.get(_find_text(fields, ("modality",)) or "")
        count = dict.get(fields, "token_count", dict.get(fields, "tokenCount"))
        if kind is not None and type(count) is int and count > 0:
            name = form.format(kind)
            found[name] = found.get(name, 0) + count
    counts.update(found)


def _read_facts(holder: object, fields: _Fields, usage: _Fields, report: Report) -> None:
    report.response_id = _find_text(fields, ID_NAMES)
    report.kind = None if fields is holder else type(holder)
    report.said_provider = _find_text(fields, ("gen_ai.provider.name",))
    if usage:
        tier = _find_text(usage, ("speed",))
        if tier != "fast":  # Anthropic's dear mode of one tier
            tier = _find_text(usage, ("service_tier", "traffic_type"))
        report.tier = tier or _find_text(fields, ("service_tier",))
        report.cost = _find_cost(fields, usage, report.response_id or "")


def _find_provider(kind: type | None) -> str | None:
    """Return the provider whose client made such objects: by the nearest base of its package."""
    for base in () if kind is None else _list_bases(kind):
        module = _list_own(base).get("__module__")
        if type(module) is str:
            for package, provider in PROVIDERS:
                if module.startswith(package):
                    return provider
    return None


def _find_cost(fields: _Fields, usage: _Fields, response_id: str) -> float | None:
    """Return US dollars where an answer says what it cost in a form that has one meaning.

    OpenRouter: `usage.cost` in credits, which are US dollars, of answers with an id `gen-…`, unless
    the caller's own key paid someone else. Perplexity: `usage.cost.total_cost`. LiteLLM: what it
    computed, in `_hidden_params["response_cost"]`.
    """
    cost = dict.get(usage, "cost")
    if cost is not None and type(cost) not in {int, float}:
        cost = dict.get(_open(cost), "total_cost")
    elif not response_id.startswith("gen-") or dict.get(usage, "is_byok") is True:
        cost = None
    if cost is None:
        cost = dict.get(_open(dict.get(fields, "_hidden_params")), "response_cost")
    return cost if type(cost) is float or type(cost) is int else None


def _find_text(fields: _Fields, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = dict.get(fields, name)
        if type(value) is str:
            if value:
                return value
        elif value is not None and issubclass(type(value), str):  # a member of an enum of texts
            return "".join(str.__iter__(value)) or None
    return None


def _open(value: object) -> _Fields:
    """Return the fields of a dict or an object, as its instance keeps them; empty without any."""
    kind = type(value)
    if kind in _NO_ANSWERS:
        return _EMPTY
    if issubclass(kind, dict):
        return value  # type: ignore[return-value]  # just checked
    fields = _read(value, "__dict__")
    if not isinstance(fields, dict):
        return _read_slots(value)
    extra = _read(value, "__pydantic_extra__")
    if type(extra) is dict and extra:
        return {**extra, **fields}
    return fields or _read_slots(value)


def _read(value: object, name: str) -> object:
    # Only a descriptor of C's own: a property is someone's code.
    descriptor: Any = find_in_class(type(value), name)
    if type(descriptor) not in _C_DESCRIPTORS:
        return None
    try:
        found: object = descriptor.__get__(value)
    except AttributeError:  # never set
        return None
    return found


def _read_slots(value: object) -> _Fields:
    return {
        name: _read(value, name)
        for base in _list_bases(type(value))
        for name, member in _list_own(base).items()
        if type(member) is MemberDescriptorType
    }
