"""The AgentTrace server: ingest, store, GraphQL, live updates and the dashboard in one process."""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
