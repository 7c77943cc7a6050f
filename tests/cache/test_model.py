"""Whatever is done to a cache in whatever order, it holds what a dict would."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from genanalytics.cache.archive import Archive
from genanalytics.cache.contents import clear_entries
from genanalytics.cache.entry import Entry
from support.archives import OTHERS, key_of


class CacheAgainstDict(RuleBasedStateMachine):
    """Whatever is done to a cache in whatever order, it holds what a dict would."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = TemporaryDirectory()
        self._archive = Archive(Path(self._directory.name))
        self._kept: dict[str, Entry] = {}

    @rule(
        ids=st.lists(st.sampled_from(OTHERS), max_size=6),
        expires=st.none() | st.integers(0, 1 << 40),
        fetched_at=st.integers(0, 9),
        body=st.binary(max_size=40),
    )
    def store(self, ids: list[str], expires: int | None, fetched_at: float, body: bytes) -> None:
        batch = {key_of(name): Entry(name, "https://x", 200, fetched_at, expires, None, body) for name in ids}
        self._archive.store(batch)
        self._kept |= batch

    @rule(before=st.none() | st.integers(0, 10))
    def clear_entries(self, before: int | None) -> None:
        gone = [key for key, entry in self._kept.items() if before is None or entry.fetched_at < before]
        assert clear_entries(self._archive, before=before) == len(gone)
        for key in gone:
            del self._kept[key]

    @rule()
    def reopen(self) -> None:
        self._archive.close()
        self._archive = Archive(Path(self._directory.name))

    @rule()
    def close(self) -> None:
        self._archive.close()

    @rule()
    def look_from_elsewhere(self) -> None:
        other = Archive(Path(self._directory.name))
        assert other.look_up([key_of(name) for name in OTHERS]) == self._kept
        other.close()

    @rule()
    def damage(self) -> None:
        self._archive.close()
        self._archive.path.write_bytes(b"no database " * 10)
        self._kept = {}

    @invariant()
    def holds_what_the_dict_holds(self) -> None:
        assert self._archive.look_up([key_of(name) for name in OTHERS]) == self._kept
        assert {entry.requested_id for _, entry in self._archive.rows() if entry} == {
            entry.requested_id for entry in self._kept.values()
        }

    def teardown(self) -> None:
        self._archive.close()
        self._directory.cleanup()


TestCacheAgainstDict = CacheAgainstDict.TestCase
TestCacheAgainstDict.settings = settings(stateful_step_count=20)
