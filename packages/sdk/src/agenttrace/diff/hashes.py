"""Digests of what spans hold, over normalised content. Each distinct text is normalised once."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.normalise import MAX_NORMALISED_BYTES
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agenttrace.diff.normalise import Normaliser
    from agenttrace.trace.records import RecordedError, RecordedPayload, RecordedSpan

DIGEST_BYTES: Final = 16
_MAX_KEY_BYTES: Final = 4096
_MAX_CAUSES: Final = 100

RESPONSE_MODEL: Final = "gen_ai.response.model"
FINGERPRINTS: Final = (
    "gen_ai.openai.response.system_fingerprint",
    "openai.response.system_fingerprint",
    "gen_ai.response.system_fingerprint",
)

_NOISE: Final = frozenset(
    {
        "gen_ai.response.id",
        "gen_ai.response.time_to_first_chunk",
        "agenttrace.stream.chunks",
        "otel.dropped_attributes_count",
        "otel.dropped_events_count",
        # What the `model` of a call is told apart by.
        RESPONSE_MODEL,
        *FINGERPRINTS,
    }
)
_NOISE_BEGINNINGS: Final = (
    "agenttrace.usage.",
    "agenttrace.replay.",
    "gen_ai.usage.",
    "host.",
    "process.",
    "thread.",
)


def digest(parts: Iterable[bytes]) -> bytes:
    """Return the digest of some parts, each told apart from the next."""
    found = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.digest()


class ContentHasher:
    """Digests of payloads, errors and attributes by some rules, each distinct one made once."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._normaliser = normaliser
        self._known: dict[tuple[str, bytes], bytes] = {}

    def hash_payload(self, part: str, payload: RecordedPayload | None) -> bytes:
        """Return the digest of a payload and its types as they are compared; of None an empty one.

        A payload beyond 1 MiB is neither decoded nor copied: it is compared byte for byte.
        """
        if payload is None:
            return b""
        view = memoryview(payload.text)
        is_short = view.nbytes <= _MAX_KEY_BYTES
        key = bytes(view) if is_short else blake2b(view, digest_size=DIGEST_BYTES).digest()
        found = self._known.get((part, key))
        if found is None:
            if view.nbytes > MAX_NORMALISED_BYTES:
                found = digest([b"text", blake2b(view, digest_size=DIGEST_BYTES).digest()])
            else:
                found = self._hash_text(part, bytes(view).decode("utf-8", "replace"))
            self._known[part, key] = found
        if payload.types:
            typed = self._normaliser.write_types(part, payload.json, payload.types)
            found = digest([found, typed.encode("utf-8", "surrogatepass")]) if typed else found
        if payload.fidelity is Fidelity.TRUNCATED and payload.sha256 is not None:
            return digest([found, payload.sha256.encode()])
        return found

    def hash_value(self, part: str, value: Any) -> bytes:
        """Return the digest of a value as it is compared."""
        return self._hash_text(part, write_value(value))

    def hash_error(self, error: RecordedError | None) -> bytes:
        """Return the digest of an error: classes, texts, notes and causes, without tracebacks."""
        said = list_errors(error)
        return self.hash_value("error", said) if said else b""

    def hash_attributes(self, span: RecordedSpan) -> bytes:
        """Return the digest of a span's attributes but for figures, ids and host."""
        kept = keep_attributes(span)
        return self.hash_value("attributes", kept) if kept else b""

    def _hash_text(self, part: str, text: str) -> bytes:
        return digest([self._normaliser.write(part, text).encode("utf-8", "surrogatepass")])


def list_errors(error: RecordedError | None) -> list[Any]:
    """Return what is compared of an error and its causes, from the outermost in."""
    said: list[Any] = []
    while error is not None and len(said) < _MAX_CAUSES:
        notes = error.notes or []
        said.append({"type": error.type, "message": error.message, "notes": notes})
        error = error.cause
    return said


def keep_attributes(span: RecordedSpan) -> dict[str, Any]:
    """Return the attributes that are content: no figures, no ids, nothing of host or replay."""
    return keep_content(span.attributes or {})


def keep_content(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return which of a span's attributes are content."""
    return {
        key: value
        for key, value in attributes.items()
        if key not in _NOISE and not key.startswith(_NOISE_BEGINNINGS)
    }


def name_models(span: RecordedSpan) -> tuple[str, ...]:
    """Return the model that was asked for, the one that answered, and its fingerprint."""
    attributes = span.attributes or {}
    prints = (attributes[name] for name in FINGERPRINTS if attributes.get(name) is not None)
    said = (span.model, attributes.get(RESPONSE_MODEL), next(prints, None))
    return tuple("" if each is None else str(each) for each in said)


def write_value(value: Any) -> str:
    """Return the JSON text of a value that came from JSON."""
    return json.dumps(value, ensure_ascii=False)
