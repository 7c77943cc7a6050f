"""A file is replaced completely, or not at all."""

import os
import stat
import sys
from pathlib import Path

import pytest

from genanalytics.base.atomic import check_utf_8, check_writable, replace_file, sync
from genanalytics.errors import InputError, OutputError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text("old")
    return path


def test_the_old_file_stays_until_the_block_ends(path: Path) -> None:
    with replace_file(path) as part:
        assert part.read_text() == ""
        part.write_text("new")
        assert path.read_text() == "old"
        assert sorted(path.parent.iterdir()) == sorted([part, path])
        assert part.name.startswith(".report.html.")
        assert part.name.endswith(".part")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("x"), InputError("x"), OutputError("x"), KeyboardInterrupt()])
def test_the_old_file_stays_if_the_block_raises(error: BaseException, path: Path) -> None:
    with pytest.raises(type(error)) as raised, replace_file(path) as part:  # noqa: PT012 - the second may raise, too
        part.write_text("half")
        raise error
    assert raised.value is error
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_of_the_disk_names_the_file_and_the_reason(path: Path) -> None:
    with pytest.raises(OutputError) as raised, replace_file(path):
        raise OSError(28, "ENOSPC")
    assert str(raised.value) == f"cannot write {path}: No space left on device"
    with pytest.raises(OutputError, match="No such file or directory"), replace_file(path.parent / "no" / "file"):
        pass
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_do_not_share_a_part(path: Path) -> None:
    with replace_file(path) as one, replace_file(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one", "the last to end"
    assert list(path.parent.iterdir()) == [path]


def test_the_target_of_a_link_is_replaced(path: Path) -> None:
    link = path.with_name("link.html")
    link.symlink_to(path.name)
    with replace_file(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.parametrize(("asked", "mask", "mode"), [(0o666, 0o022, 0o644), (0o600, 0o022, 0o600), (0o600, 0, 0o600)])
def test_the_file_has_the_mode_less_the_umask(asked: int, mask: int, mode: int, path: Path) -> None:
    before = os.umask(mask)
    try:
        with replace_file(path, mode=asked) as part:
            assert stat.S_IMODE(part.stat().st_mode) == mode
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_files_and_directories_can_be_flushed(path: Path) -> None:
    sync(path)
    sync(path.parent)
    with pytest.raises(FileNotFoundError):
        sync(path.with_name("missing"))


def test_a_place_is_checked_without_a_trace(path: Path) -> None:
    check_writable(path)
    check_writable(path.with_name("new"))
    assert (path.read_text(), list(path.parent.iterdir())) == ("old", [path])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_a_directory_that_cannot_be_written_is_found_before_the_work() -> None:
    with pytest.raises(OutputError, match="cannot write /proc/new: No such file or directory"):
        check_writable("/proc/new")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_or_a_device_is_not_replaced(path: Path) -> None:
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    refusal = f"cannot write {pipe}: it is a directory, a device or a pipe"
    with pytest.raises(OutputError, match=refusal):
        check_writable(pipe)
    with pytest.raises(OutputError, match=refusal), replace_file(pipe):
        pass
    assert pipe.is_fifo()
    assert sorted(path.parent.iterdir()) == [pipe, path]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_path_in_a_directory_that_is_not_utf_8(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = path.with_name(os.fsdecode(b"caf\xe9"))
    directory.mkdir()
    check_utf_8("out")
    monkeypatch.chdir(directory)
    with pytest.raises(InputError, match="cannot write 'out': its path is not UTF-8"):
        check_utf_8("out")
