"""`python -m agenttrace` is `agenttrace`."""

from __future__ import annotations

from agenttrace.cli.main import main

if __name__ == "__main__":
    main()
