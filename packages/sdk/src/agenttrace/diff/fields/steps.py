"""Recursion without the interpreter's stack: a step yields the steps that it needs results of."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

_Result = TypeVar("_Result")
Steps: TypeAlias = Generator[Any, Any, _Result]
"""A function that yields another call of its kind to have its result, as deep as values go."""


def run_steps(first: Steps[_Result]) -> _Result:
    """Return what `first` returns, running each step that is yielded before going on."""
    stack: list[Steps[Any]] = [first]
    result: Any = None
    while stack:
        try:
            below = stack[-1].send(result)
        except StopIteration as ended:
            stack.pop()
            result = ended.value
        else:
            stack.append(below)
            result = None
    return result  # type: ignore[no-any-return]  # that of the first step
