"""Stream objects of ordinary classes: recorded in place, by a subclass that their class becomes.

So they keep their identity, and `isinstance` holds; when the stream has ended they are of their own
class again. Where a class cannot be changed so (a built-in one, slots, a metaclass of its own) the
object is left alone.
"""

from __future__ import annotations

from functools import partial
from sys import modules
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from agenttrace.encoding.objects import find_in_class
from agenttrace.recording_methods import METHODS, StreamsById
from agenttrace.streams import Stream, relay
from agenttrace.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable

_CLASS: Final = object.__dict__["__class__"]  # a user's __setattr__ is not asked
_MRO: Final = type.__dict__["__mro__"]
_NAMESPACE: Final = type.__dict__["__dict__"]
_STREAMS: Final = "__agenttrace_streams__"
_SUBCLASS_HOOK_OWNERS: Final = frozenset({"typing", "builtins", "typing_extensions"})
_METACLASSES: Final = (("builtins", "type"), ("abc", "ABCMeta"), ("typing", "_ProtocolMeta"))
_STREAM: Final = "Stream"
_NO_STREAM: Final = ("__len__", "__getitem__", "__pydantic_fields__")


class _Kind:
    """What is known of a class: whether its objects are streams, and the subclass that records."""

    __slots__ = ("cls", "is_stream", "recorded")

    def __init__(self, cls: type, on_gone: Callable[[object], object]) -> None:
        self.cls = ref(cls, on_gone)
        self.is_stream = is_stream_class(cls)
        self.recorded: Callable[[], type | None] = _nothing


def _nothing() -> None:
    return None


# By id: the metaclass of a class in a dict would be asked for its hash.
_kinds: Final[dict[int, _Kind]] = {}


def adopt(stream: Stream, value: Any, *, is_asked: bool = False) -> object | None:
    """Record the stream object `value` in `stream` and return it; None when it is none.

    With `is_asked` any iterator or iterable counts; one of a built-in class is replaced.
    """
    kind = _find_kind(type(value))
    if not kind.is_stream and not (is_asked and _is_iterable(type(value))):
        return None
    if _become_recorded(stream, value, kind):
        return value  # type: ignore[no-any-return]  # a value is any object
    if is_asked and find_in_class(type(value), "__next__") is not None:
        return relay(stream, value, value)
    return None


def _find_kind(cls: type) -> _Kind:
    key = id(cls)
    kind = _kinds.get(key)
    if kind is None or kind.cls() is not cls:
        kind = _kinds[key] = _Kind(cls, lambda _: _kinds.pop(key, None))
    return kind


def is_stream_class(cls: type) -> bool:
    """Tell whether objects of this class are streams: iterators, awaitables, stream managers.

    Files, containers, models and connections are none, though they may iterate or be entered.
    """
    if any(find_in_class(cls, name) is not None for name in _NO_STREAM) or _is_file(cls):
        return False
    has = {name for name in METHODS if isinstance(find_in_class(cls, name), FunctionType)}
    if {"__iter__", "__next__"} <= has or {"__aiter__", "__anext__"} <= has or "__await__" in has:
        return True
    is_manager = {"__enter__", "__exit__"} <= has or {"__aenter__", "__aexit__"} <= has
    return is_manager and (_STREAM in cls.__name__ or is_generator_manager(cls))


def is_generator_manager(cls: type) -> bool:
    """Tell whether this is what `contextlib.contextmanager` and its twin make."""
    base = getattr(modules.get("contextlib"), "_GeneratorContextManagerBase", None)
    return base is not None and base in _MRO.__get__(cls)


def _is_file(cls: type) -> bool:
    base = getattr(modules.get("_io"), "_IOBase", None)
    return base is not None and base in _MRO.__get__(cls)


def _is_iterable(cls: type) -> bool:
    names = ("__iter__", "__aiter__", "__next__", "__anext__")
    return any(find_in_class(cls, name) is not None for name in names)


def _become_recorded(stream: Stream, value: Any, kind: _Kind) -> bool:
    cls = type(value)
    recorded = kind.recorded()
    if recorded is None:
        recorded = _make_class(cls)
        if recorded is None:
            return False
        kind.recorded = ref(recorded)
    streams = _find_streams(recorded)
    assert streams is not None
    try:
        find = ref(value)  # first: what cannot be watched cannot be ended for certain
        streams[id(value)] = stream
        _CLASS.__set__(value, recorded)
    except TypeError:  # another layout, or no weak references
        streams.pop(id(value), None)
        return False
    watch(stream, value)
    stream.on_end(partial(_restore, find, id(value), recorded))
    return True


def _make_class(cls: type) -> type | None:
    meta = type(cls)
    if (meta.__module__, meta.__name__) not in _METACLASSES or _has_subclass_hook(cls):
        return None
    streams: StreamsById = {}
    namespace: dict[str, Any] = {
        "__slots__": (),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        _STREAMS: streams,
        "__class__": property(lambda _: cls),
    }
    for name, make in METHODS.items():
        method = find_in_class(cls, name)
        if isinstance(method, FunctionType):
            namespace[name] = make(streams, method)
    try:
        return meta(cls.__name__, (cls,), namespace)
    except TypeError:  # a class that cannot be extended
        return None


def _has_subclass_hook(cls: type) -> bool:
    """Tell whether making a subclass would run code of the program's."""
    for base in _MRO.__get__(cls):
        if "__init_subclass__" in vars(base) and base.__module__ not in _SUBCLASS_HOOK_OWNERS:
            return True
    return False


def _restore(find: Callable[[], Any], key: int, recorded: type) -> None:
    streams = _find_streams(recorded)
    assert streams is not None
    streams.pop(key, None)
    value = find()
    if value is None:
        return
    # A stream that two wrappers record has two such classes; either may be done with first.
    cls = type(value)
    while (streams := _find_streams(cls)) is not None and key not in streams:
        cls = cls.__bases__[0]
    if cls is not type(value):
        _CLASS.__set__(value, cls)


def _find_streams(cls: type) -> StreamsById | None:
    namespace: dict[str, Any] = _NAMESPACE.__get__(cls)
    return namespace.get(_STREAMS)
