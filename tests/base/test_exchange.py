"""Two names are exchanged, and a reader finds one or the other at any moment."""

import os
import threading
from pathlib import Path

import pytest

from genanalytics.base import exchange as module
from genanalytics.base.exchange import exchange

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


def make(place: Path, content: str) -> Path:
    place.mkdir()
    (place / "file").write_text(content)
    return place


def test_two_folders_are_exchanged(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", "1"), make(tmp_path / "b", "2")
    exchange(first, second)
    assert ((first / "file").read_text(), (second / "file").read_text()) == ("2", "1")


def test_a_folder_and_a_link_are_exchanged(tmp_path: Path) -> None:
    first = make(tmp_path / "a", "1")
    (tmp_path / "link").symlink_to("elsewhere")
    exchange(first, tmp_path / "link")
    assert first.readlink() == Path("elsewhere")
    assert (tmp_path / "link" / "file").read_text() == "1"


def test_a_name_that_is_missing_is_an_error_and_nothing_changes(tmp_path: Path) -> None:
    first = make(tmp_path / "a", "1")
    with pytest.raises(FileNotFoundError):
        exchange(first, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_where_it_takes_renames_the_result_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_exchange_at_once", lambda *_: False)
    first, second = make(tmp_path / "a", "1"), make(tmp_path / "b", "2")
    exchange(first, second)
    assert ((first / "file").read_text(), (second / "file").read_text()) == ("2", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_reader_finds_a_name_at_any_moment(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", "1"), make(tmp_path / "b", "2")
    if not module._exchange_at_once(os.fsencode(first), os.fsencode(second)):
        pytest.skip("this file system cannot exchange names in one step")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            exchange(first, second)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        assert {(second / "file").read_text() for _ in range(2_000)} <= {"1", "2"}
    finally:
        stop.set()
        swapper.join()
