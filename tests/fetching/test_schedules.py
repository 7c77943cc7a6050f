"""Whatever a service does to whichever request: every id ends as it must, and the frame says what the service knows."""

from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics.fetching.client import TOO_MANY
from genanalytics.fetching.dispatch import MAX_FAILURES
from support.fault_server import FaultServer, assert_whole
from support.faults import KEY, Fault, HangsUp, Says, assert_true, good, make_ids, refusal

pytestmark = pytest.mark.usefixtures("brisk")

PASSING: list[Fault] = [
    HangsUp(),
    Says(200, b"<html>Just a moment...</html>"),
    Says(200, b'{"data": null}'),
    Says(200, b'{"error": {"message": "no", "code": 500}}'),
    *(refusal(status) for status in (408, 425, 429, 500, 502, 503, 504, 520, 524, 529)),
    refusal(429, Retry_After="0"),
]
LASTING: dict[str, Fault | None] = {
    "ok": None,
    "not_found": refusal(404),
    "forbidden": refusal(403),
    "mismatch": good("gen-other"),
    "failed": refusal(400),
}
SCHEDULE = st.lists(
    st.tuples(st.lists(st.integers(0, len(PASSING) - 1), max_size=6), st.sampled_from(sorted(LASTING))), max_size=30
)


@pytest.mark.timeout(900)
@given(schedule=SCHEDULE)
def test_outcomes_follow_from_the_faults(schedule: list[tuple[list[int], str]]) -> None:
    """Every id ends as its faults say, after as many requests as they are, and the truth is found."""
    ids = make_ids(len(schedule))
    outcomes, attempts = {}, {}
    with FaultServer() as server, TemporaryDirectory() as cache_dir:
        for generation_id, (passing, end) in zip(ids, schedule, strict=True):
            faults = [PASSING[index] for index in passing]
            given_up = sum(getattr(fault, "status", None) not in TOO_MANY for fault in faults) == MAX_FAILURES
            last = [] if given_up or LASTING[end] is None else [LASTING[end]]
            last *= 2 if end == "mismatch" else 1  # another record is not believed until it comes twice
            server.plan(generation_id, *faults, *filter(None, last))
            outcomes[generation_id] = "failed" if given_up else end
            attempts[generation_id] = len(faults) + (0 if given_up else max(1, len(last)))
        with ga.Client(KEY, base_url=server.base_url, cache_dir=cache_dir, max_workers=8) as client:
            fetched = ga.fetch([*ids, *ids[:3]], client=client)
            assert server.undelivered == {}
            assert server.asked == attempts
            assert_whole(fetched, server)
            assert_true(fetched.frame)
            ok = [generation_id for generation_id in ids if outcomes[generation_id] == "ok"]
            assert fetched.frame["requested_id"].tolist() == ok
            told = fetched.failures.set_index("requested_id")
            failed = [generation_id for generation_id in ids if generation_id not in ok]
            assert told["outcome"].to_dict() == {generation_id: outcomes[generation_id] for generation_id in failed}
            assert told["attempts"].to_dict() == {generation_id: attempts[generation_id] for generation_id in failed}

            again = ga.fetch(ids, client=client)
            assert again.stats.requests == sum(outcomes[each] not in {"ok", "not_found"} for each in ids)
            assert set(again.stats.outcomes) <= {"ok", "not_found"}
            assert_true(again.frame)
