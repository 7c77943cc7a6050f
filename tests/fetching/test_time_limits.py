"""The time limit of one request, a second here."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count

import pytest

from genanalytics.fetching.secret import Secret
from genanalytics.fetching.transport import NoReplyError, Transport
from genanalytics.fetching.watchdog import Watchdog
from support.fault_server import FaultServer
from support.faults import KEY, Drips, DripsHead, Fault, Says, Wire, good, head

BODY = bytes(250)


@pytest.fixture
def get(server: FaultServer) -> Iterator[Callable[..., bytes]]:
    """Return a function that gets the body of what is delivered to a request."""
    with closing(Transport(server.base_url, Secret(KEY), pool_size=2, timeout_s=1)) as transport:

        def get(fault: Fault) -> bytes:
            server.plan("gen-1", fault)
            return transport.get(f"{server.base_url}/generation?id=gen-1").body

        yield get


@pytest.mark.parametrize("fault", [Says(200, BODY, after_s=5), Drips(BODY, pause_s=0.02), DripsHead(pause_s=0.02)])
def test_an_answer_that_takes_too_long_is_given_up(fault: Fault, get: Callable[[Fault], bytes]) -> None:
    started = time.monotonic()
    with pytest.raises(NoReplyError) as caught:
        get(fault)
    assert caught.value.again
    assert 1 <= time.monotonic() - started < 4


def test_a_limit_that_passes_just_after_a_body_is_read_ends_neither_it_nor_later_limits(
    get: Callable[[Fault], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = count(1)
    until = Watchdog.until

    @contextmanager
    def until_late(watchdog: Watchdog, deadline: float, end: Callable[[], object]) -> Iterator[None]:
        with until(watchdog, deadline, end):
            yield
            if next(blocks) == 2:  # the first reads the headers, the second the body
                time.sleep(max(0.0, deadline + 0.1 - time.monotonic()))

    with monkeypatch.context() as patched:
        patched.setattr(Watchdog, "until", until_late)
        assert get(good("gen-1")) == good("gen-1").body
        assert next(blocks) == 3
    with pytest.raises(NoReplyError, match="not complete within 1 s"):
        get(Drips(BODY, pause_s=0.02))


class EndlessPreludes(Fault):
    """Interim answers for longer than the limit, and then a good one."""

    def deliver(self, wire: Wire) -> None:
        for _ in range(1_000):
            wire.send(head(100))
            wire.pause(0.01)
        Says(200, BODY).deliver(wire)


def test_interim_answers_without_an_end_meet_the_limit(get: Callable[..., bytes]) -> None:
    with pytest.raises(NoReplyError, match="not complete within 1 s"):
        get(EndlessPreludes())
