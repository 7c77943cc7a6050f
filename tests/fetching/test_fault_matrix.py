"""Every kind of fault as the first, the second and the last attempt at an id: what comes of it, to the exact count."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from support.fault_kinds import DRIPPING_S, FILLERS, HALTED, KINDS, LIMIT_S, LONG_S, Kind, always
from support.fault_server import FaultServer, assert_whole
from support.faults import Fault, assert_true, make_ids, refusal
from support.paths import DOCS

MakeClient = Callable[..., Client]

PLACES = ("first", "second", "last")


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

    def assert_as_told(self, cases: list[Case], *, neighbors: int = 0, limit_s: float = LONG_S) -> None:
        """Fetch an id for each case, in one run, and some that nothing happens to; assert that all end as they must."""
        old, young = make_ids(len(cases) + neighbors), make_ids(len(cases), created=int(time.time()))
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
    trial.assert_as_told(cases, neighbors=100)


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
