"""An action that a user can take on the cost, with its evidence, risk and worth."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import pandas as pd

PATH = "PATH"
"""The word in a command for the user's own files."""


class Amount(NamedTuple):
    """An amount in US$, with the limits of its 95 % interval; NaN if a limit is unknown."""

    value: float
    low: float
    high: float


class Basis(StrEnum):
    """How sure an amount of the past is."""

    BILLED = "billed"
    ESTIMATE = "estimate"
    UPPER_BOUND = "upper bound"


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do.

    Attributes:
        what: What to do, in the imperative.
        evidence: What the records show, with figures.
        risk: What it costs or risks.
        details: The words of the command that shows the details, with `PATH`.
        basis: How sure the amounts are.
        worth: What it would have avoided in the period: in US$ for each day, or in all with the limits of its interval.
        check: The words of the command that shows on later records whether it worked; None if it is the same command.
    """

    what: str
    evidence: str
    risk: str
    details: Sequence[str]
    basis: Basis
    worth: "pd.Series[float] | Amount"
    check: Sequence[str] | None = None


def write_command(*words: str) -> str:
    """Return a command for a shell; every word but `PATH` is quoted if it has to be.

    >>> write_command("waste", PATH, "--where", "model=a b; rm")
    "genanalytics waste PATH --where 'model=a b; rm'"
    """
    return shlex.join(["genanalytics", *words])


def write_condition(column: str, value: object) -> list[str]:
    """Return the option of a command that keeps the rows with a value; none for a gap."""
    return [] if pd.isna(value) else ["--where", f"{column}={value}"]  # type: ignore[call-overload]
