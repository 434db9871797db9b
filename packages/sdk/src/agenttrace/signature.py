"""Binding a call's arguments to their parameters' names, with the signature read once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Final, TypeAlias

Bind: TypeAlias = Callable[[tuple[object, ...], dict[str, object]], dict[str, object]]
_RECEIVERS: Final = frozenset({"self", "cls"})
_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)

_BY_NAME: Final = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def make_bind(function: Callable[..., object], *, has_receiver: bool | None = None) -> Bind:
    """Return what binds a call of `function`: `f("a")` and `f(q="a")` alike, with defaults.

    A method's receiver, its first parameter, is left out. Without `has_receiver` a function counts
    as a method when it is defined in a class and that parameter is named `self` or `cls`. A call
    that does not fit binds as far as it goes: the function itself will raise for it.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):  # a builtin that does not tell
        return _bind_unknown
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    if has_receiver is None:
        is_named = bool(positional) and positional[0].name in _RECEIVERS
        has_receiver = is_named and _is_in_class(function)
    skip = 1 if positional and has_receiver else 0
    names = tuple(p.name for p in positional)
    if len(positional) == len(parameters) and not skip:
        return _make_simple(names, _read_defaults(parameters))
    return _Binder(parameters, names, skip)


def drops_receiver(bind: Bind) -> bool:
    """Tell whether a call's first argument, its method's `self` or `cls`, is left out."""
    return isinstance(bind, _Binder) and bind.skip > 0


def _is_in_class(function: Callable[..., object]) -> bool:
    outer = str(getattr(function, "__qualname__", "")).rpartition(".")[0]
    return outer != "" and not outer.endswith("<locals>")


def _read_defaults(parameters: list[inspect.Parameter]) -> dict[str, object]:
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _make_simple(names: tuple[str, ...], defaults: dict[str, object]) -> Bind:
    # 0.2 µs where Signature.bind takes 1.2: nearly every traced function is of this kind.
    count = len(names)

    def bind(args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        if not kwargs and len(args) == count:
            return dict(zip(names, args, strict=False))
        bound = dict(zip(names, args, strict=False))
        for name in names[len(args) :]:
            if name in kwargs:
                bound[name] = kwargs[name]
            elif name in defaults:
                bound[name] = defaults[name]
        return bound

    return bind


class _Binder:
    __slots__ = ("_defaults", "_known", "_names", "_parameters", "skip")

    def __init__(
        self, parameters: list[inspect.Parameter], names: tuple[str, ...], skip: int
    ) -> None:
        self._parameters = parameters[skip:]
        self._names = names
        self.skip = skip
        self._defaults = _read_defaults(parameters)
        self._known = frozenset(p.name for p in parameters if p.kind in _BY_NAME)

    def __call__(self, args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
        given = dict(zip(self._names, args, strict=False))
        bound: dict[str, object] = {}
        for parameter in self._parameters:
            name = parameter.name
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                bound[name] = args[len(self._names) :]
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                bound[name] = {k: v for k, v in kwargs.items() if k not in self._known}
            elif name in given:
                bound[name] = given[name]
            elif name in kwargs and name in self._known:
                bound[name] = kwargs[name]
            elif name in self._defaults:
                bound[name] = self._defaults[name]
        return bound


def _bind_unknown(args: tuple[object, ...], kwargs: dict[str, object]) -> dict[str, object]:
    return {"args": list(args), "kwargs": dict(kwargs)}
