"""Places where a cache cannot be written, or that somebody else can reach."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from genanalytics import Client, fetch
from genanalytics.cache.archive import FILE_NAME, Archive
from genanalytics.cache.contents import clear_entries, count_contents
from genanalytics.errors import CacheError
from support.archives import IDS, OTHERS, filled
from support.faults import assert_true


@contextmanager
def mounted(*arguments: str | Path) -> Iterator[None]:
    """Mount something for as long as it takes, or skip the test."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if (
        mount is None
        or umount is None
        or subprocess.run([mount, *arguments], capture_output=True, check=False).returncode
    ):
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run([umount, "-l", arguments[-1]], check=True)


@contextmanager
def remounted_read_only(directory: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)  # noqa: S607
    yield


@pytest.mark.parametrize("has_log", [False, True])
def test_a_read_only_cache_is_read_and_what_it_cannot_keep_is_counted(
    *, has_log: bool, tmp_path: Path, make_client: Callable[..., Client]
) -> None:
    directory = tmp_path / "cache"
    writer = make_client(account="a")
    fetch(OTHERS[:10], client=writer)
    if not has_log:
        writer.close()
    with mounted("--bind", directory, directory), remounted_read_only(directory):
        client = make_client(account="a")
        fetched = fetch(OTHERS, client=client)
        again = fetch(OTHERS[:10], client=client)
        client.close()
    assert_true(fetched.frame)
    assert (len(fetched.frame), fetched.stats.from_cache, fetched.stats.not_stored) == (20, 10, 10)
    [notice] = fetched.stats.notices
    assert notice.startswith("10 answers could not be cached")
    assert "Read-only file system" in notice
    assert again.stats.notices == ()


def test_a_read_only_place_without_a_cache_is_a_run_without_one(
    tmp_path: Path, make_client: Callable[..., Client]
) -> None:
    (tmp_path / "ro").mkdir()
    with mounted("-t", "tmpfs", "-o", "ro", "tmpfs", tmp_path / "ro"):
        client = make_client(cache_dir=tmp_path / "ro" / "cache")
        fetched = fetch(OTHERS, client=client)
        assert (len(fetched.frame), fetched.stats.from_cache, fetched.stats.not_stored) == (20, 0, 20)
        offline = make_client(cache_dir=tmp_path / "ro" / "cache", offline=True)
        [notice] = fetch(OTHERS, client=offline).stats.notices
        assert "this run has no cache" in notice


@pytest.mark.parametrize("blocks", [4, 8, 16, 64])
def test_a_full_disk_costs_no_answer(blocks: int, tmp_path: Path, make_client: Callable[..., Client]) -> None:
    (tmp_path / "small").mkdir()
    with mounted("-t", "tmpfs", "-o", f"size={blocks * 4}k", "tmpfs", tmp_path / "small"):
        with make_client(cache_dir=tmp_path / "small" / "cache") as client:
            fetched = fetch(IDS, client=client)
        assert_true(fetched.frame)
        assert len(fetched.frame) == len(IDS)
        with make_client(cache_dir=tmp_path / "small" / "cache") as client:
            again = fetch(IDS, client=client)
        assert len(again.frame) == len(IDS)
        if fetched.stats.not_stored:
            assert any("could not be cached" in notice for notice in fetched.stats.notices)
        assert again.stats.from_cache == len(IDS) - fetched.stats.not_stored
        assert_true(again.frame)


def fill_disk(path: Path, *, free: int) -> None:
    """Write a file that leaves this number of bytes."""
    with path.open("wb", buffering=0) as filler:
        with suppress(OSError):
            while filler.write(b"x" * 4_096):
                pass
        filler.truncate(filler.tell() - free)


@pytest.mark.parametrize("before", [None, 1e12])
@pytest.mark.parametrize("free", [0, 16_384, 65_536])
def test_a_full_disk_ends_clearing_in_one_sentence_and_nothing_is_lost(
    before: float | None, free: int, tmp_path: Path
) -> None:
    (tmp_path / "small").mkdir()
    with mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path / "small"):
        filled(tmp_path / "small" / "cache")
        fill_disk(tmp_path / "small" / "filler", free=free)
        with (
            Archive(tmp_path / "small" / "cache") as archive,
            pytest.raises(CacheError, match=r"^the cache .*(disk I/O error|database or disk is full).*$"),
        ):
            clear_entries(archive, before=before)
        (tmp_path / "small" / "filler").unlink()
        with Archive(tmp_path / "small" / "cache") as archive:
            assert count_contents(archive).final == len(IDS)
            assert clear_entries(archive, before=before) == len(IDS)


needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")


@needs_root
@pytest.mark.parametrize("what", ["directory", "file"])
@pytest.mark.parametrize("linked", [False, True])
def test_what_belongs_to_somebody_else_is_refused(what: str, *, linked: bool, tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    path = filled(directory)
    victim = directory if what == "directory" else path
    os.chown(victim, 12_345, -1)
    if linked and what == "directory":
        directory = tmp_path / "link"
        directory.symlink_to(victim)
    elif linked:
        path.rename(tmp_path / "theirs")
        path.symlink_to(tmp_path / "theirs")
    refusal = "it is a link" if linked and what == "file" else r"belongs to another user \(uid 12345\); give another"
    with pytest.raises(CacheError, match=refusal):
        Archive(directory)


@needs_root
def test_a_link_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "cache")
    path.rename(tmp_path / "ours")
    path.symlink_to(tmp_path / "ours")
    os.chown(path, 12_345, -1, follow_symlinks=False)
    with pytest.raises(CacheError, match="belongs to another user"):
        Archive(tmp_path / "cache")


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.chmod(0o644)
    Archive(tmp_path).close()
    assert path.stat().st_mode & 0o777 == 0o600


PARTS = ["", "-wal", "-shm", "-journal"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_that_is_linked_is_refused_and_the_other_one_stays(
    part: str, link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    path = filled(tmp_path / "cache")
    other, linked = tmp_path / "other", path.with_name(path.name + part)
    if part:
        other.write_bytes(b"precious" * 5_000)
    else:
        path.rename(other)
    kept = other.read_bytes()
    link(other, linked)
    with pytest.raises(CacheError, match=rf"{linked}: it is a link, or has another link; give another cache_dir"):
        Archive(tmp_path / "cache")
    assert other.read_bytes() == kept


@needs_root
@pytest.mark.parametrize("part", PARTS[1:])
def test_a_log_or_index_of_somebody_else_is_refused(part: str, tmp_path: Path) -> None:
    path = filled(tmp_path)
    theirs = path.with_name(path.name + part)
    theirs.touch()
    os.chown(theirs, 12_345, -1)
    with pytest.raises(CacheError, match=rf"{theirs}: it belongs to another user \(uid 12345\)"):
        Archive(tmp_path)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o720])
def test_a_directory_of_the_cache_that_others_can_write_to_is_closed_to_them(mode: int, tmp_path: Path) -> None:
    filled(tmp_path / "cache")
    (tmp_path / "cache").chmod(mode)
    with Archive(tmp_path / "cache") as archive:
        assert count_contents(archive).final == len(IDS)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == mode & 0o755


@pytest.mark.parametrize(("mode", "names"), [(0o777, ["notes.txt"]), (0o1777, [])])
def test_a_directory_with_another_use_that_others_can_write_to_is_refused(
    mode: int, names: list[str], tmp_path: Path
) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    for name in names:
        (directory / name).touch()
    directory.chmod(mode)
    with pytest.raises(CacheError, match=rf"other users can write to this directory \(mode {mode:o}\); use chmod go-w"):
        Archive(directory)
    assert directory.stat().st_mode & 0o7777 == mode
    assert not (directory / FILE_NAME).exists()


@pytest.mark.parametrize(("mode", "is_exposed"), [(0o777, True), (0o1777, False), (0o775, False), (0o755, False)])
def test_a_notice_names_a_directory_above_in_which_anybody_can_replace_the_cache(
    tmp_path: Path, make_client: Callable[..., Client], *, mode: int, is_exposed: bool
) -> None:
    above = tmp_path / "above"
    (above / "between").mkdir(parents=True)
    above.chmod(mode)
    fetched = fetch(OTHERS, client=make_client(cache_dir=above / "between" / "cache"))
    assert_true(fetched.frame)
    notices = "\n".join(fetched.stats.notices)
    assert (f"since {above} can be written by all (mode 777): use chmod o-w" in notices) == is_exposed
    assert (notices == "") == (not is_exposed)
