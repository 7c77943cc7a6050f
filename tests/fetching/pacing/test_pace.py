import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event, Thread

import pytest
from hypothesis import example, given, strategies as st

from genanalytics.fetching.pacing.pace import MAX_DELAY_S, Pace, draw_backoff_s, parse_retry_after_s

YEAR_S = 365 * 24 * 60 * 60


def in_threads(number: int, work: Callable[[], None]) -> float:
    """Return how long `number` threads need for the work in seconds."""
    threads = [Thread(target=work) for _ in range(number)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - started


def sends(pace: Pace, times: int) -> Callable[[], None]:
    """Return a thread's work: to wait for its turn so many times; every request is accepted at once."""

    def send() -> None:
        for _ in range(times):
            sent_at = pace.wait(Event())
            assert sent_at is not None
            pace.note(sent_at, "accepted")

    return send


def refuse_all(pace: Pace, times: int, *, retry_after_s: float) -> None:
    """Have a service refuse requests one after the other."""
    for _ in range(times):
        sent_at = pace.wait(Event())
        assert sent_at is not None
        pace.note(sent_at, "refused", retry_after_s=retry_after_s)


def http_date(from_now_s: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=from_now_s), usegmt=True)


def test_all_threads_together_keep_the_rate() -> None:
    pace = Pace(rate=100)
    seconds = in_threads(4, sends(pace, 10))
    assert 38 / 100 <= seconds < 2


def test_time_in_which_nobody_asked_is_not_made_up_for() -> None:
    pace = Pace(rate=50)
    sends(pace, 1)()
    time.sleep(0.2)
    assert in_threads(1, sends(pace, 10)) >= 8 / 50


def test_without_a_rate_nobody_waits() -> None:
    assert in_threads(4, sends(Pace(rate=None), 500)) < 1


@pytest.mark.parametrize("rate", [None, 1_000])
def test_a_pause_for_requests_in_a_row_holds_all_threads(rate: float | None) -> None:
    pace, waited_s = Pace(rate), list[float]()
    refuse_all(pace, 4, retry_after_s=0.3)
    started = time.monotonic()

    def send() -> None:
        sends(pace, 1)()
        waited_s.append(time.monotonic() - started)

    in_threads(4, send)
    assert len(waited_s) == 4
    assert min(waited_s) >= 0.25
    assert max(waited_s) < 3


def test_a_pause_for_one_request_holds_no_other() -> None:
    pace = Pace(rate=None)
    sends(pace, 5)()
    refuse_all(pace, 1, retry_after_s=30)
    assert in_threads(1, sends(pace, 5)) < 5


def test_a_shorter_pause_does_not_cut_a_longer_one() -> None:
    pace = Pace(rate=None)
    sends(pace, 6)()  # a run begins with one request; each answer allows one more
    sent = [pace.wait(Event()) or 0.0 for _ in range(5)]
    pauses_s = [0, 0, 0, 0.4, 0.01]
    started = time.monotonic()
    for sent_at, pause_s in zip(sent, pauses_s, strict=True):
        pace.note(sent_at, "refused", retry_after_s=pause_s)
    sends(pace, 1)()
    assert time.monotonic() - started >= 0.4


def test_whoever_waits_returns_at_once_when_stopped() -> None:
    pace, stopped = Pace(rate=None), Event()
    refuse_all(pace, 4, retry_after_s=60)
    waiting = Thread(target=pace.wait, args=[stopped])
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    stopped.set()
    waiting.join(1)
    assert not waiting.is_alive()
    assert pace.wait(stopped) is None  # which would hang, were it not stopped


@given(st.integers(min_value=1, max_value=1_000))
def test_backoff_stays_under_a_ceiling_that_doubles_and_ends(attempt: int) -> None:
    ceiling_s = {1: 0.5, 2: 1.0, 3: 2.0, 4: 4.0, 5: 8.0, 6: 16.0}.get(attempt, MAX_DELAY_S)
    assert 0 <= draw_backoff_s(attempt) <= ceiling_s


def test_backoff_is_spread_over_the_whole_of_its_range() -> None:
    delays_s = [draw_backoff_s(3) for _ in range(2_000)]
    assert min(delays_s) < 0.2
    assert max(delays_s) > 1.8
    assert 0.9 < sum(delays_s) / len(delays_s) < 1.1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("2", 2.0),
        (" 2 ", 2.0),
        ("0.25", 0.25),
        ("1e2", 100.0),
        ("-5", 0.0),
        ("-inf", None),
        ("inf", None),
        ("nan", None),
        ("1e999", None),
        ("", None),
        (" ", None),
        ("soon", None),
        ("2 seconds", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00", 0.0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +999999999999999999", None),
        ("1e308", YEAR_S),
        ("Fri, 31 Dec 9999 23:59:59 -2300", YEAR_S),
    ],
)
def test_retry_after_is_read_as_servers_write_it(header: str, seconds: float | None) -> None:
    assert parse_retry_after_s(header) == seconds


def test_no_header_asks_for_nothing() -> None:
    assert parse_retry_after_s(None) is None


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the clock on the wall to another zone than UTC, where the system can do so within a process."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "XYZ+7")
        getattr(time, "tzset", int)()
        yield
    getattr(time, "tzset", int)()


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
def test_a_date_asks_to_wait_until_then(zone: str) -> None:
    seconds = parse_retry_after_s(http_date(60).replace("GMT", zone).strip())
    assert seconds is not None
    assert 58 <= seconds <= 60


def test_a_date_counts_in_its_own_zone() -> None:
    moment = datetime.now(UTC) + timedelta(minutes=-59)
    seconds = parse_retry_after_s(moment.strftime("%a, %d %b %Y %H:%M:%S -0100"))
    assert seconds is not None
    assert 58 <= seconds <= 60


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,22} [A-Z][a-z]{2} \d{1,22} \d+:\d+:\d+ ([A-Z]+|[+-]\d+)"))
@example("99999999999999999999")
@example("1e308")
def test_no_header_whatever_breaks_anything(header: str) -> None:
    seconds = parse_retry_after_s(header)
    assert seconds is None or 0 <= seconds <= YEAR_S
