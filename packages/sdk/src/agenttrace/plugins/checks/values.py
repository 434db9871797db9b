"""The contract of codecs: what is built again equals what was written, and is of the same type."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agenttrace.encoding.codecs import REGISTRY
from agenttrace.encoding.decode import decode_payload
from agenttrace.plugins.calls import describe_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agenttrace.plugins.checks.findings import Findings
    from agenttrace.plugins.specs import CodecSpec


def check_codecs(
    specs: Iterable[CodecSpec], samples: Sequence[object], *, findings: Findings
) -> None:
    """Check each codec with the samples that are of its types; each type needs one."""
    used: set[int] = set()
    specs = list(specs)
    for spec in specs:
        where = f"codec {spec.name}"
        for spelled in spec.types:
            own = [sample for sample in samples if _spell(type(sample)) == spelled]
            used.update(map(id, own))
            if not own:
                findings.add(
                    where,
                    f"no sample is of its type {spelled}",
                    "pass samples=[…] with values of each type, the empty and the odd ones too, "
                    "or correct the type: 'module:Qualname', as the class itself says them",
                )
            for sample in own:
                _check_round_trip(f"{where}, with {_show(sample)}", spec, sample, findings)
    with _use_codecs(specs):
        for sample in samples:
            if id(sample) in used:
                _check_recording(f"sample {_show(sample)}", sample, findings)
    for sample in samples:
        if id(sample) not in used:
            findings.add(
                f"sample {_show(sample)}",
                f"no codec of the plugin is for {_spell(type(sample))}",
                "add the type to a codec, or leave the sample out",
            )


def _check_round_trip(where: str, spec: CodecSpec, sample: object, findings: Findings) -> None:
    try:
        content = spec.encode(sample)
        again = spec.encode(sample)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- a codec is a plugin's code
        findings.add(
            where, f"encode() raised {describe_error(error)}", "encode every value of the type"
        )
        return
    carried = _carry(content)
    if _carry(again) != carried:
        findings.add(
            where, "encode() returned something else the second time", "depend on the value alone"
        )
    try:
        decoded = spec.decode(carried, type(sample))
        is_equal = bool(decoded == sample)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 -- as above
        findings.add(
            where,
            f"decode() raised {describe_error(error)} for what encode() wrote: {_show(carried)}",
            "read what encode() writes, as JSON returns it: lists for tuples, texts for keys",
        )
        return
    if type(decoded) is not type(sample):
        findings.add(
            where,
            f"decode() returned a {_spell(type(decoded))}, not a {_spell(type(sample))}",
            "build the class that decode() is given as its second argument",
        )
    elif not is_equal:
        findings.add(
            where,
            f"decode() returned {_show(decoded)}, which does not equal it",
            "write everything that makes the value, or give its class an __eq__",
        )


@contextmanager
def _use_codecs(specs: Sequence[CodecSpec]) -> Iterator[None]:
    before = [REGISTRY.find_named(spec.name) for spec in specs]
    for spec in specs:
        REGISTRY.add(spec)
    try:
        yield
    finally:
        for spec, codec in zip(specs, before, strict=True):
            REGISTRY.remove(spec.name)
            if codec is not None:
                REGISTRY.add(codec.spec)


def _check_recording(where: str, sample: object, findings: Findings) -> None:
    """Record the sample as a program does, and read it from the record."""
    from agenttrace.testing import collect, make_tracer  # noqa: PLC0415 -- it imports this package

    tracer, memory = make_tracer()
    with tracer.run("check_plugin", input=sample):
        pass
    payload: Any = collect(tracer, memory)[0].get("input")
    tracer.shutdown()
    advice = "return from encode() what JSON can hold, or values that are recorded exactly"
    with findings.catch(where, "reading its record", advice):
        decoded = decode_payload(payload)
        if type(decoded) is not type(sample) or decoded != sample:
            findings.add(where, f"its record is read as {_show(decoded)}", advice)


def _carry(content: object) -> object:
    """Return the content as a file would give it back; as it is when it holds other values."""
    try:
        return json.loads(json.dumps(content))
    except (TypeError, ValueError):
        return content  # nested values are written by their own codecs


def _spell(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _show(value: object) -> str:
    try:
        return repr(value)[:100]
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- a __repr__ is a plugin's code
        return f"a {type(value).__name__}"
