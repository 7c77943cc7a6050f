"""When a service is given up, on a virtual clock."""

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
    outage.note_through()
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
        outage.note_through()


def test_few_failures_say_something_about_an_id_and_not_about_the_service() -> None:
    outage = Outage()
    assert not any(
        outage.note_failure(at + 30.0, generation_id="gen-1", sent_at=at, reason="not complete", is_setup=False)
        for at in range(0, 150, 30)
    )


def test_a_fault_of_the_set_up_is_tried_twice_unless_something_got_through() -> None:
    new, used = Outage(), Outage()
    used.note_through()
    for outage, ends in ((new, True), (used, False)):
        assert not outage.note_failure(0.1, generation_id="gen-1", sent_at=0.0, reason="unknown host", is_setup=True)
        assert (
            bool(outage.note_failure(0.3, generation_id="gen-1", sent_at=0.2, reason="unknown host", is_setup=True))
            is ends
        )
