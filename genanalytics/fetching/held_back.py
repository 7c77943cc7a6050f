"""Ids that wait for a verdict: was the id at fault, or the service? There is no clock here."""

from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.halts import explain_pause, explain_pause_of_some
from genanalytics.fetching.task import Task

_MOST_PAUSES = 8
"""So many long pauses in a row are those of the service, not of ids."""

Held = tuple[Task, Answer]
"""An id, and the answer that it gets unless the service was at fault."""


class HeldBack:
    """Ids that are out of tries, and ids for which the service wants a long pause, since a request got through."""

    def __init__(self) -> None:
        self._failed: list[Held] = []
        self._paused: list[Held] = []
        self._until = 0.0
        self._left_out = 0

    def __bool__(self) -> bool:
        return bool(self._failed or self._paused)

    @property
    def is_paused(self) -> bool:
        """Whether the last answers were long pauses."""
        return bool(self._paused)

    @property
    def is_pause_for_all(self) -> bool:
        """Whether so many ids in a row got a long pause that the service means all of them."""
        return len(self._paused) >= _MOST_PAUSES

    @property
    def pause(self) -> str:
        """Why the run ends if the pause is for all: the latest end counts."""
        return explain_pause(self._until)

    @property
    def notice(self) -> str:
        """A notice about ids with a long pause, although others got through; empty without any."""
        return explain_pause_of_some(self._left_out, self._until) if self._left_out else ""

    def add_failed(self, task: Task, answer: Answer) -> None:
        """Hold back an id that is out of tries."""
        self._failed.append((task, answer))

    def add_paused(self, task: Task, answer: Answer, until: float) -> None:
        """Hold back an id for which the service wants a long pause, until then (Unix time)."""
        self._paused.append((task, answer._replace(outcome=Outcome.SKIPPED, message=explain_pause(until))))
        self._until = max(self._until, until)

    def release(self, ended_silence: int | None) -> tuple[list[Held], list[Task]]:
        """Let all ids go, since another one got through, or none is left.

        Args:
            ended_silence: The silence (`Outage.silence`) that was an outage: its failures are forgiven once.

        Returns:
            The ids whose answers are final, and the ids to ask for again.
        """
        again = [task for task, _ in self._failed if ended_silence is not None and task.spare(ended_silence)]
        spared = {task.position for task in again}
        self._left_out += len(self._paused)
        return [(task, answer) for task, answer in self.take_all() if task.position not in spared], again

    def take_probe(self) -> Task:
        """Take out one id that failed, to see whether the service is back."""
        return self._failed.pop()[0]

    def take_all(self) -> list[Held]:
        """Take out every id; all answers are final."""
        held = [*self._failed, *self._paused]
        self._failed, self._paused = [], []
        return held
