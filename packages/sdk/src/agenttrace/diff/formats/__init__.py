"""A comparison as a report: text, Markdown, JUnit, GitHub's annotations, JSON.

Pure: each returns text, and the same bytes each time. What was recorded is a stranger's: nothing
of it acts on a terminal, a page, a workflow or a reader of XML.
"""

from __future__ import annotations

from agenttrace.diff.formats.github import write_annotations
from agenttrace.diff.formats.group_tables import describe_groups
from agenttrace.diff.formats.json_shapes import shape_gates, shape_groups
from agenttrace.diff.formats.junit import write_junit
from agenttrace.diff.formats.markdown import MAX_REPORT_BYTES, write_markdown
from agenttrace.diff.formats.report import Report, Table
from agenttrace.diff.formats.run_tables import describe_runs
from agenttrace.diff.formats.text import write_text

__all__ = [
    "MAX_REPORT_BYTES",
    "Report",
    "Table",
    "describe_groups",
    "describe_runs",
    "shape_gates",
    "shape_groups",
    "write_annotations",
    "write_junit",
    "write_markdown",
    "write_text",
]
