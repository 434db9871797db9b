"""Marks for tests that are about one of the databases."""

from __future__ import annotations

import pytest

ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
"""For tests of what SQLite does: its files, its locks."""
ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
"""For tests of what PostgreSQL does: its server, its partitions."""
