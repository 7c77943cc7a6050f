"""Reading ids from files: `python3 dev.py bench ids [NAME ...]` measures megabytes per second on one core, and memory.

Each file is read by a new process, since only its peak memory can be measured. The peak for a small file of the same
kind is subtracted.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genanalytics.ids.read import read_ids

ID = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt"
MEGABYTE = 1_000_000
SIZE = 500 * MEGABYTE

PIECES = {
    "log": f"2026-08-24T22:00:18.189Z INFO done generation={ID} model=a/b {'and so on and on, ' * 40}\n",
    "events": f'data: {{"id":"{ID}","object":"chat.completion.chunk","choices":[{{"delta":{{"content":"a"}}}}]}}\n\n',
    "one-line": f'{{"id":"{ID}","messages":"{"and so on and on, " * 40}"}},',
    "list": f"{ID}\n",
    "csv": f"{ID},2026-08-24 22:00:18.189,0.000153,,,,0,264,84,67,0,maker/model-20260709,Provider,standard\n",
}


def write(path: Path, piece: str, size: int) -> None:
    """Write a file of about this size that repeats a piece."""
    block = (piece * (MEGABYTE // len(piece))).encode()
    with path.open("wb") as stream:
        for _ in range(max(1, size // len(block))):
            stream.write(block)


def measure(path: Path) -> tuple[float, float]:
    """Return the seconds and the peak memory (megabytes) that a new process needs for a file."""
    done = subprocess.run([sys.executable, __file__, "--read", str(path)], capture_output=True, check=True, text=True)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def read(path: Path) -> None:
    """Read a file, and print the processor seconds and the peak memory (megabytes)."""
    started = time.process_time()
    for _ in read_ids(path):
        pass
    print(time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(names: list[str]) -> None:
    """Print the table."""
    for name in names or PIECES:
        with tempfile.TemporaryDirectory() as folder:
            small, large = Path(folder, "small"), Path(folder, "large")
            write(small, PIECES[name], MEGABYTE)
            write(large, PIECES[name], SIZE)
            _, before = measure(small)
            taken = [measure(large) for _ in range(3)]
            speed = large.stat().st_size / MEGABYTE / statistics.median(seconds for seconds, _ in taken)
            grown = max(peak for _, peak in taken) - before
        print(f"{name:<10} {speed:6.0f} MB/s   goal >= 100   and {grown:5.0f} MB more than for 1 MB", flush=True)


if __name__ == "__main__":
    read(Path(sys.argv[2])) if sys.argv[1:2] == ["--read"] else main(sys.argv[1:])
