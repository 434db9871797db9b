"""What a retrieval found, in one shape whatever library found it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from agenttrace.semconv import (
    DOCUMENT_CONTENT,
    DOCUMENT_ID,
    DOCUMENT_METADATA,
    DOCUMENT_SCORE,
)

MAX_DOCUMENTS: Final = 10_000
_PAIR: Final = 2
# Where libraries put each part: plain dicts, LangChain's Document, LlamaIndex's nodes.
_CONTENT_NAMES: Final = ("content", "page_content", "text")
_ID_NAMES: Final = ("id", "id_", "node_id", "doc_id")
_SCORE_NAMES: Final = ("score", "similarity", "relevance_score")


def read_documents(documents: Iterable[object]) -> list[dict[str, object]]:
    """Return `[{"id", "content", "score", "metadata"}]`; what is not told is absent.

    Of more than MAX_DOCUMENTS one more than that is returned: what gives them may have no end.
    """
    return [_read_document(each) for each in islice(documents, MAX_DOCUMENTS + 1)]


def _read_document(document: object) -> dict[str, object]:
    if isinstance(document, tuple) and len(document) == _PAIR and _is_number(document[1]):
        return {**_read_document(document[0]), DOCUMENT_SCORE: document[1]}
    if isinstance(document, str):
        return {DOCUMENT_CONTENT: document}
    inner = _get(document, ("node",))  # LlamaIndex: a node with its score beside it
    found = {} if inner is None else _read_document(inner)
    parts = {
        DOCUMENT_ID: _get(document, _ID_NAMES),
        DOCUMENT_CONTENT: _get(document, _CONTENT_NAMES),
        DOCUMENT_SCORE: _get(document, _SCORE_NAMES),
        DOCUMENT_METADATA: _get(document, ("metadata",)),
    }
    return {**{name: part for name, part in parts.items() if part is not None}, **found}


def _get(document: object, names: tuple[str, ...]) -> object:
    for name in names:
        if isinstance(document, Mapping):
            found = document.get(name)
        else:
            found = getattr(document, name, None)
        if found is not None and not callable(found):
            return found
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
