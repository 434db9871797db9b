"""Taking secrets out of what is recorded, before it is written anywhere."""

from __future__ import annotations

from agenttrace.redaction.redactor import Redactor, make_redactor

__all__ = ["Redactor", "make_redactor"]
