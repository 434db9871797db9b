"""What the settings say of payloads: when they are checked, and what is taken out of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from agenttrace.encoding.fidelity import ALWAYS, SAMPLED, RoundTrip
from agenttrace.encoding.payload import Policy

if TYPE_CHECKING:
    from agenttrace.encoding.payload import Redactor
    from agenttrace.settings import Settings


def make_policy(settings: Settings, redactor: Redactor | None) -> Policy:
    """Return the policy of these settings."""
    mode = settings.round_trip_check or find_check_mode()
    return Policy(round_trip=RoundTrip(mode), redactor=redactor)


def find_check_mode() -> str:
    """Return when payloads are checked unless a setting says it: always in development."""
    return ALWAYS if sys.flags.dev_mode or "pytest" in sys.modules else SAMPLED
