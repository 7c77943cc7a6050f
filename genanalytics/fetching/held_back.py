"""Ids that wait for a verdict: was the id at fault, or the service? There is no clock here."""

from dataclasses import replace
from typing import NamedTuple

from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.task import Task

_MOST_PAUSES = 8
"""So many long pauses in a row are those of the service, not of ids."""

Verdict = tuple[Task, Answer]
"""An id, and the answer that it gets unless the service was at fault."""


class Release(NamedTuple):
    """What becomes of ids that were held back.

    Attributes:
        final: The ids whose answers are final.
        again: The ids to ask for again.
        notices: What the user should know, each in one sentence.
    """

    final: list[Verdict]
    again: list[Task]
    notices: list[str]


class HeldBack:
    """Ids that are out of tries, and ids for which the service wants a long pause, since a request got through."""

    def __init__(self) -> None:
        self._failed: list[Verdict] = []
        self._paused: list[Verdict] = []

    def __bool__(self) -> bool:
        return bool(self._failed or self._paused)

    @property
    def pause(self) -> str:
        """The last message about a long pause; empty without one."""
        return self._paused[-1][1].message if self._paused else ""

    @property
    def is_for_all(self) -> bool:
        """Whether so many ids in a row got a long pause that the service means all of them."""
        return len(self._paused) >= _MOST_PAUSES

    def add_failed(self, task: Task, answer: Answer) -> None:
        """Hold back an id that is out of tries."""
        self._failed.append((task, answer))

    def add_paused(self, task: Task, answer: Answer, message: str) -> None:
        """Hold back an id for which the service wants a long pause."""
        self._paused.append((task, replace(answer, outcome=Outcome.SKIPPED, message=message)))

    def release(self, ended_silence: int | None) -> Release:
        """Let all ids go, since another one got through, or none is left.

        Args:
            ended_silence: The silence (`Outage.silence`) that was an outage: its failures are forgiven once.
        """
        again = [task for task, _ in self._failed if ended_silence is not None and task.spare(ended_silence)]
        spared = {task.position for task in again}
        notices = [f"not every id was asked for again: {answer.message}" for _, answer in self._paused]
        final = [(task, answer) for task, answer in self.take_all() if task.position not in spared]
        return Release(final, again, notices)

    def take_probe(self) -> Task:
        """Take out one id that failed, to see whether the service is back."""
        return self._failed.pop()[0]

    def take_all(self) -> list[Verdict]:
        """Take out every id; all answers are final."""
        held = [*self._failed, *self._paused]
        self._failed, self._paused = [], []
        return held
