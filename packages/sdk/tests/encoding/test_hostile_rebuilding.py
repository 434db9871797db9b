"""Classes whose code raises wherever an exception is made again: it degrades, and never escapes."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import orjson
import pytest

from agenttrace.encoding import raised
from agenttrace.encoding.raised import decode_error, get_link
from agenttrace.errors import ReplayedError
from agenttrace.replay.serving import Server
from agenttrace.trace import RecordedSpan

if TYPE_CHECKING:
    from collections.abc import Callable


class Sabotage(Exception):  # noqa: N818 -- raised by classes that mean harm
    """What the hostile code below raises."""


def explode(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Raise."""
    raise Sabotage


class Meta(type):
    """A class of classes whose own code raises."""

    __call__ = explode
    __instancecheck__ = explode
    __subclasscheck__ = explode
    __eq__ = explode
    __hash__ = type.__hash__


class Subclassed(type):
    """A class of classes of which no class can be derived."""

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> Any:
        if any(type(base) is Subclassed for base in bases):
            raise Sabotage
        return super().__new__(cls, name, bases, space)


def make_class(**members: Any) -> type[Exception]:
    """Return an exception with these members, which is found by its name."""
    return type("Odd", (Exception,), {"__module__": __name__, **members})


class Raising:
    """A descriptor that raises at whatever is done to it."""

    __get__ = explode
    __set__ = explode
    __delete__ = explode


HOSTILE: dict[str, Callable[[], type]] = {
    "__init__": lambda: make_class(__init__=explode),
    "__new__": lambda: make_class(__new__=explode),
    "__setattr__": lambda: make_class(__setattr__=explode),
    "__getattr__": lambda: make_class(__getattr__=explode),
    "__getattribute__": lambda: make_class(__getattribute__=explode),
    "__setstate__": lambda: make_class(__setstate__=explode, __reduce__=explode),
    "__init_subclass__": lambda: make_class(__init_subclass__=classmethod(explode)),
    "add_note": lambda: make_class(add_note=explode),
    "__notes__": lambda: make_class(__notes__=property(explode, explode)),
    "__dict__": lambda: make_class(__dict__=property(explode, explode)),
    "__class__": lambda: make_class(__class__=property(explode, explode)),
    "args": lambda: make_class(args=property(explode, explode)),
    "__cause__": lambda: make_class(__cause__=property(explode, explode)),
    "__context__": lambda: make_class(__context__=property(explode, explode)),
    "__suppress_context__": lambda: make_class(__suppress_context__=property(explode, explode)),
    "a property": lambda: make_class(code=property(explode, explode)),
    "a slot": lambda: make_class(code=Raising.__new__(Raising)),
    "its class": lambda: Meta("Odd", (Exception,), {"__module__": __name__}),
    "being derived": lambda: Subclassed("Odd", (Exception,), {"__module__": __name__}),
    "its text": lambda: make_class(__str__=explode, __repr__=explode, __eq__=explode),
}
PAYLOAD = {"codec": "typed", "fidelity": "exact"}


def make_record(spelled: str) -> dict[str, Any]:
    """Return a record of an error of this class that has all parts."""
    plain = {"type": "builtins.KeyError", "message": "k", "mro": ["builtins:KeyError"]}
    return {
        "type": spelled.replace(":", "."),
        "message": "odd",
        "mro": [spelled, "builtins:Exception", "builtins:BaseException"],
        "args": {**PAYLOAD, "value": ["odd", [1]], "types": {"/1": "tuple"}},
        "attributes": {**PAYLOAD, "value": {"code": 7, "more": [1]}},
        "notes": ["one"],
        "cause": plain,
        "context": plain,
        "suppress_context": False,
    }


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Let this module be found by its name."""
    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    monkeypatch.setitem(sys.modules, __name__, module)
    return module


@pytest.mark.parametrize("place", HOSTILE)
@pytest.mark.parametrize("is_base", [False, True], ids=["itself", "a base of what is gone"])
def test_code_of_a_class_that_raises_does_not_get_out(
    loaded: types.ModuleType, place: str, *, is_base: bool
) -> None:
    """The exception is made without that code, or of the next base that can be made."""
    loaded.__dict__["Odd"] = HOSTILE[place]()
    written = make_record(f"{__name__}:Odd")
    if is_base:
        written["mro"].insert(0, f"{__name__}:Gone")
    again = decode_error(written)
    assert type(get_link(again, "__cause__")) is KeyError
    assert issubclass(type(again), ReplayedError) is is_base


@pytest.mark.parametrize("place", HOSTILE)
def test_what_cannot_be_made_so_is_degraded_or_served(loaded: types.ModuleType, place: str) -> None:
    """A replay has an exception to raise, with its note, or says why not."""
    loaded.__dict__["Odd"] = HOSTILE[place]()
    line = {
        "v": 1, "type": "span", "run_id": "1" * 32, "span_id": "1" * 16, "rev": 1, "name": "n",
        "span_type": "TOOL_CALL", "status": "ERROR", "outcome": "error", "start_ns": 1, "seq": 0,
        "lane": 0, "effect": "read", "error": make_record(f"{__name__}:Odd"),
    }  # fmt: skip
    span = msgspec.json.decode(orjson.dumps(line), type=RecordedSpan)
    served = Server({}, print).serve_error(span)
    assert served.error is not None
    assert vars(BaseException)["args"].__get__(served.error) == ("odd", (1,))
    if issubclass(type(served.error), ReplayedError):
        assert served.reason is not None
    if place in {"being derived", "a property"}:
        assert not issubclass(type(served.error), ReplayedError)


def test_what_is_raised_on_the_way_leaves_an_error_of_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it is, the program has an exception to catch."""
    monkeypatch.setattr(raised, "add_note", explode)
    again = decode_error(make_record("builtins:ValueError"))
    assert issubclass(type(again), ReplayedError)
    assert (type(again).__name__, again.args) == ("ValueError", ("odd",))


def test_an_interrupt_goes_on(loaded: types.ModuleType) -> None:
    """Somebody at the keyboard is heard."""

    def interrupt(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise KeyboardInterrupt

    loaded.__dict__["Odd"] = make_class(__init_subclass__=classmethod(interrupt))
    written = make_record(f"{__name__}:Odd")
    written["mro"].insert(0, f"{__name__}:Gone")
    with pytest.raises(KeyboardInterrupt):
        decode_error(written)
