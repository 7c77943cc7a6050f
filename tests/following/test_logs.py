"""Logs that grow, rotate and are cut anywhere: each id is read once, and none is lost."""

import gzip
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from genanalytics.following.logs import Logs
from support.faults import make_ids

if TYPE_CHECKING:
    import io

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

IDS = make_ids(60)
FORMS = ('{{"id":"{}","object":"chat.completion"}}\n', "{}\n", "2026-09-01 12:00:00 INFO done {} in 3 s\n", "{},{}\r\n")


class Program:
    """A program that writes ids to its log, and what administrators do to the log."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "app.log"
        self.written: list[str] = []
        self._stream: io.FileIO | None = None
        self._rest = b""
        self._rotations = 0

    def write(self, form: str, share: float) -> None:
        """Write the line of the next id, up to this share; the rest comes with the next line, or before a rotation."""
        generation_id = IDS[len(self.written) % len(IDS)]
        self.written.append(generation_id)
        line = form.format(generation_id, generation_id).encode()
        cut = int(share * len(line))
        self._append(self._rest + line[:cut])
        self._rest = line[cut:]

    def rename(self) -> None:
        """Rename the log; the program goes on writing to the renamed file until it opens its log again."""
        if self.log.exists():
            self.log.rename(self._name_rotated())

    def reopen(self) -> None:
        self._finish_line()
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def copy_and_truncate(self) -> None:
        self._finish_line()
        if self.log.exists():
            shutil.copyfile(self.log, self._name_rotated())
            os.truncate(self.log, 0)

    def _append(self, text: bytes) -> None:
        if self._stream is None:
            self._stream = self.log.open("ab", buffering=0)
        self._stream.write(text)

    def _finish_line(self) -> None:
        if self._rest:
            self._append(self._rest)
            self._rest = b""

    def _name_rotated(self) -> Path:
        self._rotations += 1
        return self.log.with_name(f"app.log.{self._rotations}")

    def end(self) -> None:
        self.reopen()


STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(FORMS), st.floats(0, 1)),
    st.tuples(st.sampled_from(["poll", "poll", "rename", "reopen", "copy_and_truncate"])),
)


@example([("write", FORMS[3], 0.4375), ("rename",), ("poll",), ("poll",)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=40))
def test_any_split_of_writes_and_rotations_yields_every_id_once(steps: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        program, logs = Program(Path(name)), stack.enter_context(Logs([Path(name, "app.log")]))
        found = logs.read()  # what was rotated before is not followed
        for step, *arguments in steps:
            if step == "poll":
                found += logs.read()
            else:
                getattr(program, str(step))(*arguments)
        program.end()
        found += [*logs.read(), *logs.read(), *logs.finish()]
        assert set(logs.problems) <= {f"{program.log} does not exist yet"}
        assert sorted(found) == sorted(set(program.written))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return what closes the logs in the end."""
    with ExitStack() as stack:
        yield stack


def test_an_id_at_the_end_waits_for_the_next_character(tmp_path: Path, stack: ExitStack) -> None:
    log = tmp_path / "app.log"
    logs = stack.enter_context(Logs([log]))
    assert logs.read() == []
    log.write_text(IDS[0][:30])
    assert logs.read() == []
    log.write_text(IDS[0])
    assert logs.read() == []
    log.write_text(f"{IDS[0]}\n{IDS[1]}")
    assert logs.read() == [IDS[0]]
    assert logs.finish() == [IDS[1]]


def test_what_was_rotated_while_nobody_followed_is_read_after_a_restart(tmp_path: Path, stack: ExitStack) -> None:
    log = tmp_path / "app.log"
    (tmp_path / "app.log.1").write_text(f"{IDS[0]}\n")
    with gzip.open(tmp_path / "app.log.2.gz", "wt") as stream:
        stream.write(f"{IDS[1]}\n{IDS[2]}")
    (tmp_path / "app-other.log").write_text(f"{IDS[3]}\n")
    (tmp_path / "app-2026-09-01.log").write_text(f"{IDS[4]}\n")
    log.write_text(f"{IDS[5]}\n")
    logs = stack.enter_context(Logs([log], since=0.0))
    assert sorted(logs.read() + logs.read()) == [*IDS[:3], *IDS[4:6]]
    assert stack.enter_context(Logs([log])).read() == [IDS[5]]
    assert stack.enter_context(Logs([log], since=time.time() + 100)).read() == [IDS[5]]


def test_of_copies_renamed_since_only_the_last_one_can_have_been_the_log(tmp_path: Path, stack: ExitStack) -> None:
    for number, written_at in enumerate([300, 200, 100], start=1):
        path = tmp_path / f"app.log.{number}"
        path.write_text(f"{IDS[number]}\n")
        os.utime(path, (written_at, written_at))
    logs = stack.enter_context(Logs([tmp_path / "app.log"], since=1_000.0))
    assert logs.read() == [IDS[1]]
    for number in (3, 2, 1):  # a later rotation renames all of them
        (tmp_path / f"app.log.{number}").rename(tmp_path / f"app.log.{number + 1}")
    (tmp_path / "app.log.1").write_text(f"{IDS[0]}\n")
    assert logs.read() == [IDS[0]]


def test_new_files_of_a_directory_are_followed(tmp_path: Path, stack: ExitStack) -> None:
    logs = stack.enter_context(Logs([tmp_path / "sessions"]))
    assert logs.read() == []
    assert [*logs.problems] == [f"{tmp_path / 'sessions'} does not exist yet"]
    (tmp_path / "sessions" / "deep").mkdir(parents=True)
    (tmp_path / "sessions" / "a.jsonl").write_text(f'{{"id":"{IDS[0]}"}}\n')
    assert logs.read() == [IDS[0]]
    (tmp_path / "sessions" / "deep" / "b.jsonl").write_text(f'{{"id":"{IDS[1]}"}}\n{{"id":"{IDS[0]}"}}\n')
    assert logs.read() == [IDS[1]]
    assert [*logs.problems] == []


def test_packed_logs_are_read_and_what_cannot_be_read_remains_a_problem(tmp_path: Path, stack: ExitStack) -> None:
    (tmp_path / "packed.log").write_bytes(gzip.compress(f"{IDS[0]}\n".encode()))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(IDS[1].encode())[:-9])
    (tmp_path / "app.log").write_text(f"{IDS[2]}\n")
    logs = stack.enter_context(Logs([tmp_path / name for name in ("packed.log", "cut.gz", "app.log")]))
    assert logs.read() == [IDS[0], IDS[2]]
    for _ in range(2):
        assert logs.read() == []
        [problem] = logs.problems
        assert "cannot read" in problem
    (tmp_path / "cut.gz").write_bytes(gzip.compress(f"{IDS[1]}\n".encode()))
    assert (logs.read(), logs.problems) == ([IDS[1]], ())


@pytest.mark.parametrize("text", [b"\x00" * 4_096, b"x" * 300])
def test_a_log_that_is_as_long_again_after_a_truncation_is_read_again(
    text: bytes, tmp_path: Path, stack: ExitStack
) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(f"{IDS[0]}\n".encode() * 3)
    logs = stack.enter_context(Logs([log]))
    assert logs.read() == [IDS[0]]
    os.truncate(log, 0)
    log.write_bytes(text + f"\n{IDS[1]}\n".encode())
    assert logs.read() == [IDS[1]]
