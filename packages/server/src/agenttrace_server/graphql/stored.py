"""Stored documents: a client sends `documentId` instead of `query`.

GraphQL over HTTP, appendix "Persisted Documents": the id of a document is `sha256:` and the
lower-case hexadecimal SHA-256 of its UTF-8 text. Stored are the documents that the dashboard's
build lists in `documents.json` beside its pages, and what Python code adds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from agenttrace_server.errors import StartError

DOCUMENTS_FILE: Final = "documents.json"


class StoredDocuments:
    """The documents that this server knows by id."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str) -> str:
        """Store a document; return its id."""
        document_id = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        self._texts[document_id] = text
        return document_id

    def find(self, document_id: str) -> str | None:
        """Return the text of a document; None when it is not stored."""
        return self._texts.get(document_id)

    def add_manifest(self, path: Path) -> None:
        """Store the documents of a built dashboard, `{id: text}`.

        Raises:
            StartError: the file is not what a build writes.

        """
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return  # the dashboard is not built, or by an older release
        except (OSError, ValueError) as error:
            raise StartError(f"{path} cannot be read ({error}); run make build") from error
        if not isinstance(manifest, dict):
            raise StartError(f"{path} is no JSON object; run make build")
        for name, text in manifest.items():
            if not isinstance(text, str) or self.add(text) != name:
                raise StartError(f"{path}: {name} is not the id of its text; run make build")
