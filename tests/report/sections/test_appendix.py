"""The appendix: checks that passed and failed, and definitions."""

from genanalytics.report.blocks import Table
from genanalytics.report.given import make_given
from genanalytics.report.sections.appendix import make_appendix
from support.generations import frame_of
from support.pages import find_block, read_rows


def test_failed_checks_are_open_and_passed_ones_folded() -> None:
    frame = frame_of({"native_tokens_prompt": 10, "native_tokens_cached": 20}, {"native_tokens_cached": 5}, {"id": "x"})
    section = make_appendix(make_given(frame))
    assert section is not None
    assert section.folded
    failed = find_block(section, "quality", Table)
    assert not failed.folded
    assert ["cached_above_prompt", "1", "2", "50.0 %"] in [row[:4] for row in read_rows(failed)]
    passed = find_block(section, "quality-passed", Table)
    assert passed.folded == f"{len(passed.rows)} checks passed"
    assert section.answer.startswith(f"{len(passed.rows)} of 17 checks of the records passed")
    definitions = find_block(section, "definitions", Table)
    assert definitions.folded == f"{len(definitions.rows)} definitions"
    assert "Sum of total_cost: the charge (BilledCost in FOCUS)" in [row[2] for row in read_rows(definitions)]
