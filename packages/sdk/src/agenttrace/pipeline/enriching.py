"""What the surroundings say of every run: the region, the release, the tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from agenttrace.guard import log_warning
from agenttrace.pipeline.processor import Processor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agenttrace.wire import Record


class Enricher(Processor):
    """Adds attributes to the resource of every run, in place of those of the same name."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self._attributes = dict(attributes)

    def process(self, records: list[Record]) -> Iterable[Record]:
        """Return the same records; runs say more."""
        for record in records:
            if record["type"] == "run":
                record["resource"] = {**record.get("resource", {}), **self._attributes}
        return records


def read_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """Return `key=value` texts as a dict, values percent-decoded, as OpenTelemetry writes them.

    What is no pair is left out, with a warning.
    """
    found = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if sign and key.strip():
            found[key.strip()] = unquote(value.strip())
        else:
            log_warning(f"AGENTTRACE_RESOURCE_ATTRIBUTES has {pair!r}; expected key=value.")
    return found
