"""One request per id at a time: threads that ask for the same id share one answer."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Event

from genanalytics.fetching.answers import Answer, Outcome

_POLL_S = 0.5


class Flights:
    """The requests under way."""

    def __init__(self) -> None:
        self._flights: dict[tuple[str, bool], Future[Answer]] = {}

    def share(self, place: tuple[str, bool], send: Callable[[], Answer], stopped: Event) -> tuple[Answer, bool] | None:
        """Return the answer to a request, and whether this call sent it; None once `stopped` is set.

        While another thread's request for the same place is under way, its answer is awaited instead.
        """
        while not stopped.is_set():
            flight: Future[Answer] = Future()
            under_way = self._flights.setdefault(place, flight)
            if under_way is flight:
                return self._send(place, flight, send), True
            answer = _await(under_way, stopped)
            if answer is not None and answer.outcome is not Outcome.SKIPPED:
                return answer, False
        return None

    def _send(self, place: tuple[str, bool], flight: Future[Answer], send: Callable[[], Answer]) -> Answer:
        try:
            answer = send()
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(answer)
            return answer
        finally:
            del self._flights[place]


def _await(flight: Future[Answer], stopped: Event) -> Answer | None:
    """Return the answer to another thread's request, or None once `stopped` is set."""
    while not stopped.is_set():
        try:
            return flight.result(timeout=_POLL_S)
        except TimeoutError:
            continue
    return None
