"""The sections on data without any request."""

from genanalytics.report.given import make_given
from genanalytics.report.sections import SECTIONS
from support.generations import frame_of


def test_sections_are_left_out_or_say_why_they_are_empty() -> None:
    given = make_given(frame_of())
    made = {name: SECTIONS[name](given) for name in SECTIONS}
    assert [name for name in ("caching", "speed", "reliability", "when") if made[name] is not None] == []
    assert made["prices"] is not None
    assert made["prices"].answer == "No request was billed, so there are no prices."
    assert made["appendix"] is not None
    assert made["appendix"].answer == "No record could be checked."
