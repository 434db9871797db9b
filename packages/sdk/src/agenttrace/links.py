"""Links: what a run or span has to do with besides its parent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agenttrace.attributes import clean_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.recorder import Recorder
    from agenttrace.run import Run
    from agenttrace.span import Span
    from agenttrace.wire import LinkRecord

MAX_LINKS: Final = 128
_LINK_BYTES: Final = 512  # about what it takes of memory
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")


def add_link(
    holder: Span | Run,
    recorder: Recorder,
    run_id: str,
    span_id: str | None,
    attributes: Mapping[str, object] | None,
) -> None:
    """Add a link to a span or run; one that cannot be meant is left out and counted as `link`."""
    if holder.links is None:
        holder.links = []
    fault = _find_fault(holder.links, run_id, span_id)
    if fault is not None:
        recorder.guard.warn("link", fault)
        return
    holder.links.append(_write_link(run_id, span_id, attributes))
    holder.attribute_bytes += _LINK_BYTES


def _find_fault(links: list[LinkRecord], run_id: object, span_id: object) -> str | None:
    if len(links) >= MAX_LINKS:
        return f"there are {MAX_LINKS} links; one more is lost"
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        return "a link's run id is 32 lower-case hexadecimal digits"
    if span_id is not None and (not isinstance(span_id, str) or not _SPAN_ID.fullmatch(span_id)):
        return "a link's span id is 16 lower-case hexadecimal digits"
    return None


def _write_link(
    run_id: str, span_id: str | None, attributes: Mapping[str, object] | None
) -> LinkRecord:
    link: LinkRecord = {"run_id": run_id}
    if span_id is not None:
        link["span_id"] = span_id
    if attributes:
        link["attributes"] = clean_attributes(attributes)
    return link
