"""Codecs of programs and plugins: recorded by what they make of an object, and made again by it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from agenttrace import ConfigurationError, register_codec
from agenttrace.encoding.codecs import REGISTRY
from agenttrace.encoding.decode import decode_payload
from agenttrace.encoding.fidelity import RoundTrip
from agenttrace.encoding.payload import Policy, encode
from agenttrace.encoding.snapshot import take_snapshot
from agenttrace.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator


LIMIT = 2**20


class Matrix:
    """An object of which nothing is known without a codec."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and other.rows == self.rows

    __hash__ = None  # type: ignore[assignment]  # it may change


class Square(Matrix):
    """One of a class that extends it."""


@pytest.fixture(autouse=True)
def _loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this module be found by its name, and take every codec away afterwards."""
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, module))
    yield
    for name in ("matrix", "other"):
        REGISTRY.remove(name)


def register(**changes: Any) -> None:
    """Register a codec for matrices."""
    parts: dict[str, Any] = {
        "name": "matrix",
        "encode": lambda matrix: {"rows": matrix.rows},
        "decode": lambda content, cls: cls(content["rows"]),
    }
    register_codec(Matrix, **(parts | changes))


def record(value: object) -> dict[str, Any]:
    """Return the payload of a value as a reader of the recording has it."""
    policy = Policy(round_trip=RoundTrip("always"))
    encoded = encode(take_snapshot(value, max_bytes=LIMIT), max_bytes=LIMIT, policy=policy)
    payload = {"value": json.loads(encoded.text), "codec": "json", "fidelity": encoded.fidelity}
    if encoded.types is not None:
        payload |= {"codec": "typed", "types": json.loads(encoded.types)}
    return payload


def test_an_object_is_recorded_by_its_codec() -> None:
    """Its content is shown, with the types within it; the object comes back."""
    assert record(Matrix(1))["fidelity"] == "opaque"
    register()
    payload = record([Matrix([(1, 2)])])
    assert payload["value"] == [{"rows": [[1, 2]]}]
    assert payload["types"]["/0"] == f"codec matrix 1 {__name__}:Matrix"
    assert payload["fidelity"] == "exact"
    assert decode_payload(payload) == [Matrix([(1, 2)])]


def test_a_codec_holds_for_classes_that_extend_its_own() -> None:
    """Unless they have a nearer one; what comes back is of the class itself."""
    register()
    again = decode_payload(record(Square([1])))
    assert type(again) is Square
    assert again.rows == [1]


def test_an_object_is_encoded_as_it_is_at_the_call() -> None:
    """The codec runs where the value is captured: what changes later is not seen."""
    register()
    matrix = Matrix([1])
    snapshot = take_snapshot(matrix, max_bytes=LIMIT)
    matrix.rows.append(2)
    assert json.loads(encode(snapshot, max_bytes=LIMIT).text) == {"rows": [1]}


def fail(*_args: object) -> NoReturn:
    """Raise what no recorder should pass on."""
    raise SystemExit("a codec's own")


def test_a_codec_that_fails_leaves_its_object_opaque() -> None:
    """What is beside it is recorded all the same."""
    register(encode=fail)
    payload = record([1, Matrix(1)])
    assert payload["fidelity"] == "opaque"
    assert payload["value"] == [1, {"$opaque": f"{__name__}.Matrix"}]


@pytest.mark.parametrize(
    "decode",
    [fail, lambda content, _cls: content, lambda _content, cls: cls(None)],
    ids=["raises", "another type", "another value"],
)
def test_a_codec_that_does_not_come_back_is_structural(decode: Any) -> None:
    """Exact is proven; what fails once is not tried again."""
    calls: list[object] = []

    def count(content: Any, cls: type) -> Any:
        calls.append(content)
        return decode(content, cls)

    register(decode=count)
    policy = Policy(round_trip=RoundTrip("always"))
    for _ in range(3):
        snapshot = take_snapshot(Matrix([1]), max_bytes=LIMIT)
        assert encode(snapshot, max_bytes=LIMIT, policy=policy).fidelity == "structural"
    assert len(calls) == 1


def test_a_codec_decodes_its_own_version_only() -> None:
    """A recording of another version, or of a codec that is gone, is refused."""
    register()
    payload = record(Matrix([1]))
    register(version=2)
    with pytest.raises(DecodeError, match="of version '1' is not registered"):
        decode_payload(payload)
    REGISTRY.remove("matrix")
    with pytest.raises(DecodeError, match="is not registered"):
        decode_payload(payload)


def test_a_recording_does_not_choose_the_class_of_a_codec() -> None:
    """A codec is given classes that it was registered for."""
    register()
    payload = record(Matrix([1]))
    payload["types"] = {"": "codec matrix 1 subprocess:Popen"}
    with pytest.raises(DecodeError, match="is not for 'subprocess:Popen'"):
        decode_payload(payload)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ü"])
def test_a_name_that_cannot_be_meant_is_refused(name: str) -> None:
    """It stands in recordings, between spaces."""
    with pytest.raises(ConfigurationError, match="codec name"):
        register(name=name)


def test_a_built_in_type_has_no_codec_but_its_own() -> None:
    """Plain data is copied without a look at each value: a codec for it would not be asked."""
    with pytest.raises(ConfigurationError, match="not built in"):
        register_codec(dict, name="other", encode=dict, decode=lambda content, _cls: content)


def test_registering_a_codec_imports_nothing() -> None:
    """A program registers its codecs at its start, whether or not it records anything."""
    code = (
        "import sys, agenttrace\n"
        "before = set(sys.modules)\n"
        "class C: pass\n"
        "agenttrace.register_codec(C, name='c', encode=vars, decode=lambda content, cls: cls())\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
