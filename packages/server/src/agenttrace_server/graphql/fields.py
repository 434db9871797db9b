"""Strawberry's decorators with their types kept: a resolver stays a method to the type checker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import strawberry

F = TypeVar("F", bound=Callable[..., Any])


def resolver(description: str) -> Callable[[F], F]:
    """Make a method a field."""
    return cast("Callable[[F], F]", strawberry.field(description=description))


def mutation(description: str) -> Callable[[F], F]:
    """Make a method a mutation."""
    return cast("Callable[[F], F]", strawberry.mutation(description=description))


def stream(description: str) -> Callable[[F], F]:
    """Make an asynchronous generator a subscription."""
    return cast("Callable[[F], F]", strawberry.subscription(description=description))
