"""The garbage collector while a page is written."""

import gc
from collections.abc import Iterator

import pytest

from genanalytics.base.collecting import look_at_new_objects


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_collections_are_rarer_until_the_block_ends() -> None:
    gc.set_threshold(700, 10, 10)
    with look_at_new_objects():
        assert gc.get_threshold() == (20_000, 10, 10)
        assert gc.get_freeze_count()
    assert gc.get_threshold() == (700, 10, 10)
    assert not gc.get_freeze_count()


@pytest.mark.parametrize("least", [0, 50_000])
def test_a_program_that_wants_rarer_collections_has_them(least: int) -> None:
    gc.set_threshold(least, 10, 10)
    with look_at_new_objects():
        assert gc.get_threshold() == (least, 10, 10)


def test_a_program_that_has_frozen_objects_keeps_its_settings() -> None:
    gc.set_threshold(700, 10, 10)
    gc.freeze()
    try:
        with look_at_new_objects():
            assert gc.get_threshold() == (700, 10, 10)
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
