"""Data sets on an S3 server of this machine under load: `python3 dev.py bench stores [IDS] [KILLS]`.

Two writers export the same IDS (200,000) in different orders, while a reader looks. Then, KILLS (24) times, two writers
export half of them and both end by SIGKILL, while the server refuses every 40th request or loses its answer. A last
run finishes. All rows come from a cache. The table counts rows that are missing or occur twice, and orphans.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import genanalytics as ga
from benchmarks.export import BASE_URL, fill
from genanalytics.base.stores.store import Store
from genanalytics.dataset import shared_bucket
from genanalytics.dataset.manifest import is_dataset, read_manifest
from support.s3_server import Fault, Lost, Refuses, S3Server, start_s3
from support.stores import count_ids, count_plain, list_orphans

RACE, KILLED = "s3://bucket/race", "s3://bucket/killed"
BATCH_ROWS = 8_192


def report(name: str, figure: float, unit: str, detail: str = "") -> None:
    """Print one row of the table."""
    print(f"{name:<58} {figure:10,.1f} {unit:<8} {detail}", flush=True)


def export(url: str, cache: str, ids: str, seed: str, rows: str) -> None:
    """Export ids in an order of its own, out of a cache; this runs in its own process."""
    order = Path(ids).read_text(encoding="utf-8").split()
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    with ga.Client(None, base_url=BASE_URL, account="bench", cache_dir=cache, offline=True) as client:
        ga.export(order, url, client=client, batch_rows=int(rows))


def start(url: str, directory: Path, writer: int, ids: str, rows: int) -> "subprocess.Popen[bytes]":
    """Start `export` in a process."""
    arguments = ["export", url, str(directory / f"cache-{writer}"), str(directory / ids), str(writer), str(rows)]
    return subprocess.Popen([sys.executable, __file__, *arguments])


def read_on(ended: Event, seen: list[int]) -> None:
    """Read the data set until the writers end; every state has each id once."""
    while not ended.wait(1.0):
        if is_dataset(RACE):
            counts = count_ids(RACE)
            assert max(counts.values(), default=1) == 1
            seen.append(len(counts))


def race(directory: Path, count: int, server: S3Server) -> None:
    """Let two writers export the same ids."""
    ended, seen, before = Event(), list[int](), len(server.requests)
    reader = Thread(target=read_on, args=[ended, seen])
    reader.start()
    writers = [start(RACE, directory, number, "ids.txt", BATCH_ROWS) for number in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    requests = len(server.requests) - before
    ended.set()
    reader.join()
    counts, plain = count_ids(RACE), count_plain(RACE)
    report("two writers: ids", len(counts), "distinct", f"of {count:,}")
    report("two writers: rows for readers of the manifest", sum(counts.values()), "rows")
    report("two writers: rows for readers of data/", sum(plain.values()), "rows")
    report("two writers: commits", read_manifest(RACE).commit, "commits", f"{requests:,} requests, the reader's too")
    report("a reader at once: states seen, each id once", len(seen), "states", f"rising: {seen == sorted(seen)}")


def kill(directory: Path, kills: int, server: S3Server) -> None:
    """Kill two writers again and again, and count what is lost."""
    chance = random.Random(24)  # noqa: S311 - moments, not secrets
    held: Counter[str] = Counter()
    lost = twice = killed = orphans = 0
    for _ in range(kills):
        faults: list[Fault] = [Refuses(503), Lost()]
        server.plan(chance.choice(faults), method="PUT", times=2)
        writers = [start(KILLED, directory, number, "some.txt", 512) for number in range(2)]
        puts = server.counts["PUT"]
        while server.counts["PUT"] < puts + 12 and writers[0].poll() is None:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 1.0))
        for writer in writers:
            writer.kill()
            killed += writer.wait() != 0
        server.forget_plans()
        if is_dataset(KILLED):
            counts = count_ids(KILLED)
            orphans += bool(list_orphans(KILLED))
            twice += sum(times > 1 for times in counts.values())
            lost += len(held.keys() - counts.keys())
            held = counts
    assert start(KILLED, directory, 0, "some.txt", 4_096).wait() == 0
    ids = set((directory / "some.txt").read_text(encoding="utf-8").split())
    counts = count_ids(KILLED)
    report("kill -9: writers killed", killed, "kills", f"in {kills} trials of two writers")
    report("kill -9: trials that left orphans", orphans, "trials")
    report("kill -9: committed rows lost, rows twice", lost + twice, "rows")
    report("kill -9: ids after the last run", len(counts), "distinct", f"of {len(ids):,}")
    repeated = sum(times - 1 for times in count_plain(KILLED).values())
    report("kill -9: orphans in data/ after the last run", len(list_orphans(KILLED)), "objects")
    report("kill -9: rows twice for readers of data/ after it", repeated, "rows")
    shared_bucket.GRACE_S = 0.0
    merged = ga.compact(KILLED)
    left = len(list(Store(KILLED).list("data")))
    report("compact: files fewer", merged, "files", f"{left} left")
    assert counts == count_ids(KILLED) == count_plain(KILLED)


def main() -> None:
    """Run both trials."""
    count, kills = (int(given) for given in (sys.argv[1:] + ["200000", "24"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as name, start_s3() as port, S3Server(port) as server:
        directory = Path(name)
        server.create_bucket()
        os.environ.update(server.environment)
        fill(name, str(count))
        shutil.move(directory / "cache", directory / "cache-0")
        shutil.copytree(directory / "cache-0", directory / "cache-1")
        ids = (directory / "ids.txt").read_text(encoding="utf-8").split()
        (directory / "some.txt").write_text("\n".join(ids[: count // 2]), encoding="utf-8")
        race(directory, count, server)
        kill(directory, kills, server)


if __name__ == "__main__":
    if sys.argv[1:2] == ["export"]:
        export(*sys.argv[2:])
    else:
        main()
