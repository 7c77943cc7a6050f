"""The values of an answer and the names of its outcomes."""

import pytest

from genanalytics.fetching.answers import Answer, Outcome


def test_a_new_answer_is_empty_and_cannot_be_changed() -> None:
    answer = Answer("gen-1", Outcome.FAILED)
    assert (answer.body, answer.status, answer.message, answer.attempts, answer.fetched_at) == (b"", None, "", 0, 0.0)
    assert (answer.from_cache, answer.returned_id, answer.sent_at, answer.retry_in_s) == (False, None, None, None)
    with pytest.raises(AttributeError):
        answer.status = 200  # type: ignore[misc]


def test_an_outcome_is_written_as_one_lower_case_word() -> None:
    assert [str(outcome) for outcome in Outcome] == [
        "ok", "pending", "not_found", "forbidden", "mismatch", "invalid", "failed", "unavailable", "skipped",
    ]  # fmt: skip
