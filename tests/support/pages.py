"""The blocks of a section, as a test reads them."""

from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from genanalytics.report.blocks import Chart, Facts, Section, Table
from genanalytics.report.given import Given, make_given

Named = TypeVar("Named", Chart, Facts, Table)


def make_section(
    make: Callable[[Given], Section | None],
    frame: pd.DataFrame,
    *,
    previous: pd.DataFrame | None = None,
    tz: str = "UTC",
) -> Section:
    """Return a section of a report on a frame."""
    section = make(make_given(frame, previous=previous, tz=tz))
    assert section is not None
    return section


def find_block(section: Section, name: str, kind: type[Named]) -> Named:
    """Return the block of a section with a name."""
    (found,) = (block for block in section.blocks if isinstance(block, kind) and block.name == name)
    return found


def find_numbers(section: Section, name: str) -> Table:
    """Return the numbers of a chart of a section."""
    numbers = find_block(section, name, Chart).numbers
    assert numbers is not None
    return numbers


def read_rows(table: Table) -> list[list[str]]:
    """Return the texts of the rows of a table."""
    return [[cell.text for cell in row] for row in table.rows]
