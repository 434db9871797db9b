"""Stream objects of a replay: of the recorded class, with the methods that it has, and no more.

Their class extends the recorded one, so that `isinstance` holds; nothing of that class runs, and no
state of it is there but the stream.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from agenttrace.encoding.objects import find_in_class

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from agenttrace.replay.streams import Feed

_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE
_FEED: Final = "__agenttrace_feed__"
_LEAD: Final = "__agenttrace_lead__"


def make_object(cls: type, feed: Feed, lead: Callable[[], Any]) -> Any:
    """Return an object that gives out `feed`; `lead` makes what its block, or who awaits it, gets.

    `lead` returns None where that is the object itself.

    Raises:
        TypeError: when the class cannot be extended.

    """
    is_iterator = any(find_in_class(cls, name) is not None for name in ("__next__", "__anext__"))
    namespace: dict[str, Any] = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__init__": _init,
        "__del__": _del,
    }
    for name, (method, plain) in _METHODS.items():
        own = find_in_class(cls, name)
        if own is not None:
            namespace[name] = method if is_iterator else plain
            code = getattr(own, "__code__", None)
            if name == "close" and code is not None and code.co_flags & _COROUTINE:
                namespace[name] = aclose
    recorded = type(cls)(cls.__name__, (cls,), namespace)
    made: Any = object.__new__(recorded)
    object.__setattr__(made, _FEED, feed)
    object.__setattr__(made, _LEAD, lead)
    return made


def _init(_self: Any, *_args: Any, **_kwargs: Any) -> None:
    """Do nothing: the class's own would ask for what a replay does not have."""


def _del(_self: Any) -> None:
    """Do nothing, as in `_init`."""


def _find(owner: Any) -> Feed:
    feed: Feed = object.__getattribute__(owner, _FEED)
    return feed


def _lead(owner: Any) -> Any:
    led = object.__getattribute__(owner, _LEAD)()
    return owner if led is None else led


def __next__(self: Any) -> Any:  # noqa: N807 -- it becomes one, as those below
    return _find(self).pull()


async def __anext__(self: Any) -> Any:  # noqa: N807
    return await _find(self).pull_async()


def __iter__(self: Any) -> Any:  # noqa: N807
    return self


def _iterate(self: Any) -> Generator[Any, None, None]:
    from agenttrace.replay.streams import generate  # noqa: PLC0415 -- it imports this module

    return generate(_find(self))


def __aiter__(self: Any) -> Any:  # noqa: N807
    return self


def _iterate_async(self: Any) -> Any:
    from agenttrace.replay.streams import generate_async  # noqa: PLC0415 -- as above

    return generate_async(_find(self))


def __enter__(self: Any) -> Any:  # noqa: N807
    return _enter(self)


async def __aenter__(self: Any) -> Any:  # noqa: N807
    return _enter(self)


def _enter(owner: Any) -> Any:
    feed = _find(owner)
    is_silent = not feed.tale.chunks and len(feed.tale.kinds) == 1
    steps = [find_in_class(type(owner), name) for name in ("__next__", "__anext__")]
    if feed.tale.error is not None and is_silent and not any(steps):
        raise feed.tale.error  # what cannot be iterated over failed when it was entered
    return _lead(owner)


def __exit__(_self: Any, _kind: Any, _error: Any, _traceback: Any) -> None:  # noqa: N807
    return None


async def __aexit__(_self: Any, _kind: Any, _error: Any, _traceback: Any) -> None:  # noqa: N807
    return None


def __await__(self: Any) -> Generator[Any, Any, Any]:  # noqa: N807
    async def arrive() -> Any:
        if len(_find(self).tale.kinds) > 1:
            return _lead(self)
        with suppress(StopAsyncIteration):
            await _find(self).pull_async()
        return _find(self).tale.result

    return arrive().__await__()


def close(_self: Any) -> None:
    """Do nothing: there is no connection."""


async def aclose(_self: Any) -> None:
    """Do nothing, as close."""


_METHODS: Final[dict[str, tuple[Any, Any]]] = {
    "__next__": (__next__, __next__),
    "__anext__": (__anext__, __anext__),
    "__iter__": (__iter__, _iterate),
    "__aiter__": (__aiter__, _iterate_async),
    "__enter__": (__enter__, __enter__),
    "__aenter__": (__aenter__, __aenter__),
    "__exit__": (__exit__, __exit__),
    "__aexit__": (__aexit__, __aexit__),
    "__await__": (__await__, __await__),
    "close": (close, close),
    "aclose": (aclose, aclose),
}
"""For each method what an iterator has, and what another object that can be iterated over has."""
