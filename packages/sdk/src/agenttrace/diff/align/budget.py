"""How much may be spent on an alignment: one account for all of it."""

from __future__ import annotations

from typing import Final

MAX_TABLE_CELLS: Final = 250_000
"""Cells of the tables over siblings, in all."""

MAX_TREE_CELLS: Final = 1_500_000
"""Cells of the tables of exact tree distances, in all; one takes about 0.4 µs."""

MAX_RUN_CELLS: Final = 2_000_000
"""Cells of the table of an exact distance of two whole runs."""

MAX_STEPS: Final = 200_000
"""Steps of the search for what moved away from within nodes that stayed; one takes about 1 µs."""


class Budget:
    """What is left to spend. `is_for_runs`: to begin with an exact distance of whole runs."""

    __slots__ = ("steps", "table_cells", "tree_cells")

    def __init__(self, *, is_for_runs: bool = False) -> None:
        self.table_cells = MAX_TABLE_CELLS
        self.tree_cells = MAX_RUN_CELLS if is_for_runs else MAX_TREE_CELLS
        self.steps = MAX_STEPS

    def take_table(self, cells: int) -> bool:
        """Tell whether a table over siblings may be made, and count it."""
        if cells > self.table_cells:
            return False
        self.table_cells -= cells
        return True

    def take_tree(self, cells: int) -> bool:
        """Tell whether an exact tree distance may be made, and count it."""
        if cells > self.tree_cells:
            return False
        self.tree_cells -= cells
        return True

    def take_steps(self, count: int) -> bool:
        """Tell whether so many steps of a search may be made, and count them."""
        if count > self.steps:
            self.steps = 0
            return False
        self.steps -= count
        return True
