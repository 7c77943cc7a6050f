"""Every kind of fault as the first, the second and the last attempt at an id: what comes of it, to the exact count."""

import gzip
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.errors import KeyRefusedError
from genanalytics.fetching.answers import Answer
from genanalytics.fetching.client import Client
from genanalytics.fetching.dispatch import MAX_FAILURES
from genanalytics.fetching.pacing import pace
from genanalytics.fetching.transport import MAX_BODY_BYTES
from support.faults import (
    Cuts,
    Drips,
    DripsHead,
    Fault,
    FaultServer,
    Garbles,
    Hangs,
    HangsUp,
    NamesTheMoment,
    Overflows,
    Resets,
    Says,
    assert_true,
    assert_whole,
    envelope,
    good,
    make_ids,
    record_of,
    refusal,
)
from support.paths import DOCS

MakeClient = Callable[..., Client]
Make = Callable[[str, str], Fault]
"""Makes a fault for the id that is asked for and the URL of another service."""

PLACES = ("first", "second", "last")
FLOOD = 12
"""How many refusals come in a row."""
LONG_S = 10.0
"""A time limit for one request that nothing comes near which ends by itself."""
LIMIT_S = 1.0
"""The time limit for what would not end by itself, or not for long."""
DRIPPING_S = 60.0
"""How long what drips would take, at a byte at a time."""

HTML = b"<!DOCTYPE html><title>Just a moment...</title>"
GZIPPED = ("Content-Encoding", "gzip")
BOMB = gzip.compress(bytes(64 * MAX_BODY_BYTES))


@dataclass(frozen=True)
class Kind:
    """One way in which a service fails, and what is to come of it.

    Attributes:
        name: What it is called.
        make: Makes the fault.
        status: What the client sees: the status of the answer, or None where no whole answer came.
        says: How the message begins where the id ends with this fault.
        times: How often it is done in a row.
        outcome: What the id ends in after that; None where it is asked for again.
        counts: Whether each time is one of the failures that an id may have.
        remembered: Whether the cache may know of the outcome afterwards.
        pause_s: How long the service wants to be left alone.
        slow: Whether it takes a second, be it until the client's time limit or by a pause.
        young: Whether the record may yet appear.
    """

    name: str
    make: Make
    status: int | None
    says: str = ""
    times: int = 1
    outcome: str | None = None
    counts: bool = False
    remembered: bool = False
    pause_s: float = 0.0
    slow: bool = False
    young: bool = False


def always(fault: Fault) -> Make:
    return lambda _asked, _elsewhere: fault


def to_body(make: Callable[[bytes], Fault]) -> Make:
    """Return a maker of faults that are done to the body of the good answer."""
    return lambda asked, _elsewhere: make(good(asked).body)


def to_record(make: Callable[[dict[str, Any]], bytes]) -> Make:
    """Return a maker of answers with status 200 that hold something else than the record."""
    return lambda asked, _elsewhere: Says(200, make(record_of(asked)))


def redirect(status: int, to: str = "") -> Make:
    return lambda asked, elsewhere: Says(status, headers=(("Location", f"{to or elsewhere}/generation?id={asked}"),))


def refused(status: int, pause: str) -> Make:
    return always(refusal(status, "slow down", Retry_After=pause))


NO_JSON = "the answer is not readable JSON: "
NO_RECORD = "the answer contains no record: "
TOO_LONG = "no answer: the answer is longer than 1,048,576 bytes"
TOO_LATE = f"no answer: not complete within {LIMIT_S:g} s"
HALTED = "the service asked for a pause until "

NO_ANSWER = [
    Kind("a reset before any byte", always(Resets()), None, "no answer: ConnectionResetError"),
    Kind(
        "a reset in the middle of a body",
        to_body(lambda body: Resets(body, sent=len(body) // 2)),
        None,
        "no answer: ConnectionResetError",
    ),
    Kind("the end before any byte", always(HangsUp()), None, "no answer: RemoteDisconnected"),
    Kind("half a body", to_body(lambda body: Cuts(body, sent=len(body) // 2)), None, "no answer: IncompleteRead"),
    Kind("a body but for its last byte", to_body(lambda body: Cuts(body, sent=len(body) - 1)), None, "no answer: "),
    Kind(
        "half a body in chunks",
        to_body(lambda body: Cuts(body, sent=len(body) // 2, chunked=True)),
        None,
        "no answer: ",
    ),
    Kind("no HTTP", always(Garbles(b"\x00\x01SSH-2.0-\r\n\r\n")), None, "no answer: BadStatusLine"),
    Kind("no gzip", always(Says(200, b"no gzip", (GZIPPED,))), None, "no answer: error"),
    Kind("two lengths", to_body(lambda body: Says(200, body, (("Content-Length", "7"),))), None, "no answer: "),
    Kind("an accept, and nothing more", always(Hangs()), None, TOO_LATE, slow=True),
    Kind(
        "a body that drips",
        to_body(lambda body: Drips(body, pause_s=DRIPPING_S / len(body))),
        None,
        TOO_LATE,
        slow=True,
    ),
    Kind("a head that drips", always(DripsHead(pause_s=DRIPPING_S / 1_000)), None, TOO_LATE, slow=True),
]
NO_RECORDS = [
    Kind("HTML", always(Says(200, HTML, (("Content-Type", "text/html"),))), 200, "the answer is an HTML page: "),
    Kind("a length too short", to_body(lambda body: Overflows(body, len(body) // 2)), 200, NO_JSON),
    Kind("NaN", to_record(lambda record: envelope(record | {"latency": float("nan")})), 200, NO_JSON),
    Kind("an error", always(replace(refusal(500), status=200)), 200, NO_RECORD),
    Kind("an empty body", always(Says(200)), 200, NO_JSON),
    Kind("a list", to_record(lambda record: b"[" + envelope(record) + b"]"), 200, NO_RECORD),
    Kind("a list of data", to_record(lambda record: envelope([record])), 200, NO_RECORD),
    Kind("no data", always(Says(200, envelope(None))), 200, NO_RECORD),
    Kind("no id", to_record(lambda record: envelope(record | {"id": None})), 200, NO_RECORD),
    Kind("half a gzip", to_body(lambda body: Says(200, gzip.compress(body)[:200], (GZIPPED,))), 200, NO_JSON),
    Kind("no UTF-8", to_record(lambda record: envelope(record)[:-1] + b"\xff}"), 200, NO_JSON),
]
RETRIED = [
    Kind(f"{status}, three times", always(refusal(status)), status, f"the service answered {status}: 'no'", times=3)
    for status in (408, 425, 500, 502, 503, 504, *range(520, 529))
]
PASSING = [
    replace(kind, counts=True)
    for kind in [
        *NO_ANSWER,
        *NO_RECORDS,
        *RETRIED,
        Kind("502, a page", always(Says(502, HTML)), 502, "the service answered 502: '<!DOCTYPE"),
        Kind(
            "503, Retry-After: 0.1",
            refused(503, "0.1"),
            503,
            "the service answered 503: 'slow down'",
            pause_s=0.1,
            slow=True,
        ),
    ]
]
REFUSING = [
    *(Kind(f"{status}", always(refusal(status)), status) for status in (429, 529)),
    *(Kind(f"{status}, a flood", always(refusal(status)), status, times=FLOOD) for status in (429, 529)),
    Kind("429, Retry-After: 0, a flood", refused(429, "0"), 429, times=FLOOD),
    Kind("429, Retry-After: 1", refused(429, "1"), 429, pause_s=1.0, slow=True),
    Kind("429, Retry-After: 0.1", refused(429, "0.1"), 429, pause_s=0.1, slow=True),
    Kind("429, Retry-After: a moment to come", always(NamesTheMoment(0.2)), 429, pause_s=0.2, slow=True),
    *(
        Kind(f"429, Retry-After: {pause}", refused(429, pause), 429)
        for pause in ("0", "Wed, 21 Oct 2015 07:28:00 GMT", "", "soon", "-1", "nan", "inf", "1 s", "Wed, 99 Oct")
    ),
]
ENDING_THE_RUN = [
    Kind(f"{status}, Retry-After: {pause}", refused(status, pause), status, HALTED, outcome="skipped")
    for status in (429, 503)
    for pause in ("600", "Fri, 31 Dec 2100 23:59:59 GMT")
]
LASTING = [
    *(
        Kind(f"{status} to elsewhere", redirect(status), status, f"the service answered {status}: ", outcome="failed")
        for status in (301, 302, 303, 307, 308)
    ),
    Kind("302 to itself", redirect(302, "."), 302, "the service answered 302: ", outcome="failed"),
    *(
        Kind(f"{status}", always(refusal(status)), status, f"the service answered {status}: 'no'", outcome="failed")
        for status in (400, 402)
    ),
    Kind("403", always(refusal(403)), 403, "the generation belongs to another account: 'no'", outcome="forbidden"),
    Kind("403, a page", always(Says(403, HTML)), 403, "the service answered 403: '<!DOCTYPE", outcome="failed"),
    Kind("404", always(refusal(404)), 404, "the service has no record of it", outcome="not_found", remembered=True),
    Kind("404, young", always(refusal(404)), 404, "the service has no record of it yet", outcome="pending", young=True),
    Kind("404, a page", always(Says(404, HTML)), 404, "the service answered 404: '<!DOCTYPE", outcome="failed"),
    Kind("a bomb", always(Says(200, BOMB, (GZIPPED,))), None, TOO_LONG, outcome="failed"),
    Kind("a long body", always(Says(200, bytes(MAX_BODY_BYTES + 1))), None, TOO_LONG, outcome="failed"),
]
OTHERS = [
    Kind("another record, once", always(good("gen-other")), 200),
    Kind(
        "another record, twice",
        always(good("gen-other")),
        200,
        "the answer carries another id: 'gen-other'",
        times=2,
        outcome="mismatch",
    ),
]
HARMLESS = [
    replace(kind, outcome="ok", remembered=True)
    for kind in [
        Kind("a record that drips in time", to_body(lambda body: Drips(body, pause_s=0.0001, chunked=True)), 200),
        Kind("a record, compressed", to_body(lambda body: Says(200, gzip.compress(body), (GZIPPED,))), 200),
        Kind("a record called HTML", to_body(lambda body: Says(200, body, (("Content-Type", "text/html"),))), 200),
        Kind("a record, and more bytes", to_body(lambda body: Overflows(body + good("gen-2").body, len(body))), 200),
    ]
]
KINDS = [*PASSING, *REFUSING, *ENDING_THE_RUN, *LASTING, *OTHERS, *HARMLESS]
FILLERS = [
    replace(kind, times=1)
    for kind in PASSING
    if kind.name in {"the end before any byte", "half a body", "HTML", "NaN", "503, three times", "524, three times"}
]
"""What else goes wrong before, so that a fault comes second or last: one more than is needed, since none is its own."""


@dataclass(frozen=True)
class Case:
    """A kind of fault at a place among the attempts, and what is to come of it."""

    kind: Kind
    place: str

    def __str__(self) -> str:
        return f"{self.kind.name} - {self.place}"

    @property
    def counted(self) -> int:
        """How many of the failures that an id may have the fault itself is."""
        return self.kind.times if self.kind.counts else 0

    @property
    def before(self) -> list[Kind]:
        """What goes wrong first. Last is the attempt after which the id has no other, or would have none."""
        number = {"first": 0, "second": 1, "last": MAX_FAILURES - max(1, self.counted)}[self.place]
        return [kind for kind in FILLERS if kind.name != self.kind.name][:number]

    @property
    def outcome(self) -> str:
        given_up = len(self.before) + self.counted == MAX_FAILURES
        return self.kind.outcome or ("failed" if given_up else "ok")

    @property
    def seen(self) -> list[int | None]:
        """What the client sees, attempt by attempt; a good answer comes after everything that does not last."""
        faults = [*(kind.status for kind in self.before), *[self.kind.status] * self.kind.times]
        return [*faults, 200] if self.outcome == "ok" and self.kind.outcome is None else faults

    @property
    def kept(self) -> str:
        """What a look into the cache finds afterwards."""
        return self.outcome if self.outcome == "ok" or self.kind.remembered else "unavailable"

    def faults(self, asked: str, elsewhere: str) -> list[Fault]:
        return [kind.make(asked, elsewhere) for kind in [*self.before, *[self.kind] * self.kind.times]]


pytestmark = pytest.mark.usefixtures("brisk")

CASES = [Case(kind, place) for kind in KINDS for place in PLACES]


@pytest.fixture(autouse=True)
def _no_long_wait_between_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MAX_DELAY_S", 0.005)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[FaultServer]:
    """Return a service at which nobody may ask."""
    with FaultServer() as elsewhere:
        yield elsewhere
    assert elsewhere.requests == []


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int | None]]:
    """Return what clients see of every id, attempt by attempt: the status, or None where no whole answer came."""
    seen: dict[str, list[int | None]] = defaultdict(list)
    ask = Client.ask

    def ask_and_tell(client: Client, generation_id: str, **options: Any) -> Answer:  # noqa: ANN401 - passed on
        answer = ask(client, generation_id, **options)
        seen[generation_id].append(answer.status)
        return answer

    monkeypatch.setattr(Client, "ask", ask_and_tell)
    return seen


def outcomes_of(fetched: ga.FetchResult) -> dict[str, str]:
    failed = dict(zip(fetched.failures["requested_id"], fetched.failures["outcome"], strict=True))
    return dict.fromkeys(fetched.frame["requested_id"], "ok") | failed


@dataclass(frozen=True)
class Trial:
    """What it takes to try cases."""

    server: FaultServer
    elsewhere: FaultServer
    make_client: MakeClient
    seen: dict[str, list[int | None]]

    def assert_as_told(self, cases: list[Case], *, neighbours: int = 0, limit_s: float = LONG_S) -> None:
        """Fetch an id for each case, in one run, and some that nothing happens to; assert that all end as they must."""
        old, young = make_ids(len(cases) + neighbours), make_ids(len(cases), created=int(time.time()))
        asked = {(young if case.kind.young else old)[number]: case for number, case in enumerate(cases)}
        well = old[len(cases) :]
        url = self.elsewhere.base_url.replace("127.0.0.1", "localhost")
        for generation_id, case in asked.items():
            self.server.plan(generation_id, *case.faults(generation_id, url))

        fetched = ga.fetch([*asked, *well], client=self.make_client(timeout_s=limit_s), wait_s=0)

        assert self.server.undelivered == {}
        assert self.elsewhere.requests == []
        attempts = {generation_id: len(case.seen) for generation_id, case in asked.items()}
        assert self.server.asked == attempts | dict.fromkeys(well, 1)
        told = {generation_id: case.seen for generation_id, case in asked.items()}
        assert self.seen == told | {generation_id: [200] for generation_id in well}

        assert_whole(fetched, self.server)
        assert_true(fetched.frame)
        outcomes = {generation_id: case.outcome for generation_id, case in asked.items()}
        assert outcomes_of(fetched) == outcomes | dict.fromkeys(well, "ok")
        assert fetched.stats.seconds < DRIPPING_S / 2
        halted = "skipped" in outcomes.values()
        assert [HALTED in notice for notice in fetched.stats.notices] == ([True] if halted else [])
        for row in fetched.failures.to_dict("records"):
            case = asked[row["requested_id"]]
            assert row["attempts"] == len(case.seen)
            assert (None if pd.isna(row["status"]) else row["status"]) == case.seen[-1]
            assert row["message"].startswith(case.kind.says)
        self._assert_no_pause_is_cut_short(asked)

        offline = ga.fetch([*asked, *well], client=self.make_client(offline=True))
        kept = {generation_id: case.kept for generation_id, case in asked.items()}
        assert outcomes_of(offline) == kept | dict.fromkeys(well, "ok")
        assert_true(offline.frame)

    def _assert_no_pause_is_cut_short(self, asked: dict[str, Case]) -> None:
        moments: dict[str, list[float]] = defaultdict(list)
        for request in self.server.requests:
            moments[request.generation_id].append(request.at)
        for generation_id, case in asked.items():
            before, times = len(case.before), case.kind.times
            for refused_at, next_at in list(pairwise(moments[generation_id]))[before : before + times]:
                assert next_at - refused_at >= case.kind.pause_s


@pytest.fixture
def trial(
    server: FaultServer,
    elsewhere: FaultServer,
    make_client: MakeClient,
    seen: dict[str, list[int | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> Trial:
    monkeypatch.setattr("genanalytics.fetching.outage.SHORTEST_S", 60.0)  # on a busy machine, many faults last as long
    return Trial(server, elsewhere, make_client, seen)


@pytest.mark.parametrize("case", [case for case in CASES if not case.kind.slow], ids=str)
def test_every_kind_of_fault_at_every_place(case: Case, trial: Trial) -> None:
    trial.assert_as_told([case])


def test_what_takes_long_at_every_place(trial: Trial) -> None:
    trial.assert_as_told([case for case in CASES if case.kind.slow], limit_s=LIMIT_S)


@pytest.mark.parametrize("place", PLACES)
def test_in_one_run_every_kind_of_fault_does_what_it_does_alone_and_nothing_to_others(place: str, trial: Trial) -> None:
    cases = [case for case in CASES if case.place == place and not case.kind.slow and case.outcome != "skipped"]
    trial.assert_as_told(cases, neighbours=100)


def test_the_document_counts_every_kind() -> None:
    document = DOCS / "reliability.md"
    section = document.read_text().partition("## The fault matrix")[2]
    kinds = len(KINDS) + 1  # and the refused key
    assert sum(int(number) for number in re.findall(r"\| (\d+) \|", section)) == kinds
    assert f"{kinds} kinds of faults" in section
    assert f"{kinds * len(PLACES)} cases" in section


@pytest.mark.parametrize("place", PLACES)
def test_a_refused_key_ends_the_run_at_every_place(place: str, trial: Trial) -> None:
    case = Case(Kind("401", always(refusal(401)), 401), place)
    [asked] = make_ids(1)
    trial.server.plan(asked, *case.faults(asked, ""))
    with pytest.raises(KeyRefusedError):
        ga.fetch([asked], client=trial.make_client())
    assert trial.server.undelivered == {}
    assert trial.server.asked == {asked: len(case.before) + 1}
    assert outcomes_of(ga.fetch([asked], client=trial.make_client(offline=True))) == {asked: "unavailable"}
