"""Looking up answers in the cache: `python3 dev.py bench lookups [ENTRIES ...]` measures processor seconds and memory.

For each number of entries (500,000), a cache of answers of 1.8 kB is filled, which takes 2 kB of disk for each. Then a
new process looks up 100,000 of them, drawn at random, 2,000 at once as a run does; that three times.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry, make_cache_key

BASE_URL = "http://127.0.0.1/api/v1"
BODY_BYTES = 1_800
WANTED = 100_000
AT_ONCE = 2_000
TURNS = 3


def make_key(number: int) -> str:
    """Return the cache key of an answer."""
    return make_cache_key(BASE_URL, "bench", f"gen-1756000000-{number:020d}")


def fill(folder: Path, entries: int) -> None:
    """Store answers whose bodies cannot be compressed."""
    draws = random.Random(1)  # noqa: S311 - bodies, not secrets
    with Archive(folder) as archive:
        for start in range(0, entries, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, entries))
            archive.store({make_key(number): make_entry(number, draws.randbytes(BODY_BYTES)) for number in numbers})


def make_entry(number: int, body: bytes) -> Entry:
    """Return a final answer."""
    generation_id = f"gen-1756000000-{number:020d}"
    return Entry(generation_id, f"{BASE_URL}/generation?id={generation_id}", 200, 1_756_003_600.0, None, None, body)


def look_up(folder: Path, entries: int) -> None:
    """Look up answers, and print the processor seconds and the peak memory (megabytes)."""
    keys = [make_key(number) for number in random.Random(2).sample(range(entries), WANTED)]  # noqa: S311
    with Archive(folder) as archive:
        started = time.process_time()
        found = sum(len(archive.look_up(keys[start : start + AT_ONCE])) for start in range(0, WANTED, AT_ONCE))
        seconds = time.process_time() - started
    if found != WANTED:
        sys.exit(f"{found:,} of {WANTED:,} answers found")
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(sizes: list[int]) -> None:
    """Print a line for each number of entries."""
    for entries in sizes:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), entries)
            command = [sys.executable, __file__, "--look-up", folder, str(entries)]
            turns = [subprocess.run(command, capture_output=True, check=True, text=True) for _ in range(TURNS)]
        seconds, peaks = zip(*(map(float, turn.stdout.split()) for turn in turns), strict=True)
        print(
            f"{entries:,} entries: {WANTED:,} look-ups {min(seconds):.1f} to {max(seconds):.1f} s, {max(peaks):.0f} MB"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look-up"]:
        look_up(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(size) for size in sys.argv[1:]] or [500_000])
