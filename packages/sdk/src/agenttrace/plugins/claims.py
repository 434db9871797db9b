"""Names that plugins claim: who gets one, and what is said when two want the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from agenttrace.plugins.specs import ExporterSpec, Spec

if TYPE_CHECKING:
    from collections.abc import Callable


BUILTIN: Final = "builtin"

SpecT = TypeVar("SpecT", bound=Spec)


class Claim(NamedTuple):
    """A plugin's wish, and why it is not granted."""

    plugin: str
    error: str


def settle_claims(
    kind: type[SpecT],
    wishes: list[tuple[str, SpecT]],
    *,
    name_owner: Callable[[str], str],
) -> tuple[list[SpecT], list[Claim]]:
    """Return the specs in use by `(order, name)`, and the claims that were refused.

    What two plugins claim belongs to neither, as which of them came first must not decide; what a
    built-in one has, it keeps. That holds for names, for exporters' schemes and for codecs' types.
    """
    noun = kind.__name__.removesuffix("Spec").lower().replace("pricetable", "price table")
    refused: list[Claim] = []
    lost = _find_lost(wishes, lambda spec: (spec.name,), f"{noun} ", name_owner, refused)
    kept = [(plugin, spec) for plugin, spec in wishes if (plugin, spec.name) not in lost]
    text = f"{noun}'s {'scheme' if kind is ExporterSpec else 'type'} "
    lost = _find_lost(kept, lambda spec: tuple(set(spec.claims())), text, name_owner, refused)
    specs = []
    for plugin, spec in kept:
        without = {text for text in spec.claims() if (plugin, text) in lost}
        specs.append(spec.without(without) if without else spec)
    return sorted(specs, key=_rank), refused


def _find_lost(
    wishes: list[tuple[str, SpecT]],
    read: Callable[[SpecT], tuple[str, ...]],
    noun: str,
    name_owner: Callable[[str], str],
    refused: list[Claim],
) -> set[tuple[str, str]]:
    """Return the `(plugin, text)` that are not granted."""
    claims: dict[str, list[str]] = {}
    for plugin, spec in wishes:
        for text in read(spec):
            claims.setdefault(text, []).append(plugin)
    lost: set[tuple[str, str]] = set()
    for text, plugins in sorted(claims.items()):
        if len(plugins) == 1:
            continue
        owners = sorted({name_owner(plugin) for plugin in plugins})
        names = " and ".join(owners) if len(owners) > 1 else f"{owners[0]} more than once"
        is_own = BUILTIN in plugins
        fate = "the built-in one is kept" if is_own else "it belongs to none of them"
        for plugin in plugins:
            if plugin != BUILTIN:
                lost.add((plugin, text))
                refused.append(Claim(plugin, f"the {noun}{text!r} is claimed by {names}: {fate}"))
    return lost


def _rank(spec: Spec) -> tuple[int, str]:
    return (getattr(spec, "order", 0), spec.name)
