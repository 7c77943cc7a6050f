"""When a service is given up, on a virtual clock."""

import random

import pytest

from genanalytics.fetching.outage import Outage


def test_a_row_of_failures_ends_the_run_after_twenty_seconds() -> None:
    outage = Outage()
    reasons = [
        outage.note_failure(at + 0.1, generation_id="gen-1", sent_at=at, reason="refused", is_setup=False)
        for at in range(30)
    ]
    assert reasons[:20] == [""] * 20
    assert reasons[20] == (
        "nothing got through in 21 requests and 20 s (refused): check the connection with `genanalytics doctor`, then"
        " fetch again; fetched records are kept"
    )


def test_requests_that_hung_together_do_not_end_the_run_but_a_probe_after_them_does() -> None:
    outage = Outage()
    outage.note_through(0.0)
    for _ in range(16):
        assert not outage.note_failure(
            30.1, generation_id="gen-1", sent_at=0.1, reason="not complete within 30 s", is_setup=False
        )
    assert outage.note_failure(
        60.2, generation_id="gen-1", sent_at=30.2, reason="not complete within 30 s", is_setup=False
    )


def test_a_request_that_gets_through_ends_the_row() -> None:
    outage = Outage()
    for at in range(0, 100, 10):
        assert not outage.note_failure(at + 1, generation_id="gen-1", sent_at=at, reason="refused", is_setup=False)
        outage.note_through(at + 1)


def test_few_failures_say_something_about_an_id_and_not_about_the_service() -> None:
    outage = Outage()
    assert not any(
        outage.note_failure(at + 30.0, generation_id="gen-1", sent_at=at, reason="not complete", is_setup=False)
        for at in range(0, 150, 30)
    )


def test_a_fault_of_the_set_up_is_tried_twice_unless_something_got_through() -> None:
    new, used = Outage(), Outage()
    used.note_through(0.0)
    for outage, ends in ((new, True), (used, False)):
        assert not outage.note_failure(0.1, generation_id="gen-1", sent_at=0.0, reason="unknown host", is_setup=True)
        assert (
            bool(outage.note_failure(0.3, generation_id="gen-1", sent_at=0.2, reason="unknown host", is_setup=True))
            is ends
        )


def test_a_silence_begins_with_the_last_request_that_got_through() -> None:
    outage = Outage()
    outage.note_through(29.9)
    failures = [(0.0, 30.0), (0.0, 30.1), (30.2, 40.0), (40.0, 49.8)]  # sent long before the others got through
    for number, (sent_at, at) in enumerate(failures):
        reason = "not complete"
        assert not outage.note_failure(
            at, generation_id=f"gen-{number}", sent_at=sent_at, reason=reason, is_setup=False
        )
    reason = outage.note_failure(50.0, generation_id="gen-9", sent_at=49.9, reason="not complete", is_setup=False)
    assert reason.startswith("nothing got through in 5 requests and 20 s (not complete)")


def test_refusals_end_the_run_after_two_minutes_in_which_nothing_gets_through() -> None:
    outage = Outage()
    reasons = [outage.note_refusal(1_000.0 + at, reason="429") for at in range(0, 121, 4)]
    assert reasons[:-1] == [""] * 30
    assert reasons[-1].startswith("the service refused everything for 120 s (429): ")


def test_time_in_which_nothing_was_asked_is_no_refusal() -> None:
    outage = Outage()
    for at in range(0, 10_000, 300):  # young ids are asked for ever more rarely
        outage.note_through(at)
        assert not outage.note_refusal(at + 299, reason="429")


@pytest.mark.parametrize("failing", range(0, 12, 3))
def test_a_slow_service_is_not_given_up(failing: int) -> None:
    """Sixteen workers, 19 s per answer, an hour: something gets through every few seconds."""
    outage, chance = Outage(), random.Random(failing)  # noqa: S311 - no secret
    sent_at = [chance.uniform(0, 19) for _ in range(16)]
    for number in range(3_600 * 16 // 19):
        worker = min(range(16), key=lambda worker: sent_at[worker])
        now = sent_at[worker] + 19
        if chance.random() < failing / 100:
            name = f"gen-{number}"
            assert not outage.note_failure(
                now, generation_id=name, sent_at=sent_at[worker], reason="503", is_setup=False
            )
        else:
            outage.note_through(now)
        sent_at[worker] = now
