"""The time until the program answers: `python3 dev.py bench start [TURNS]` prints the median of each in milliseconds.

Each command runs 21 times, or as often as given, in a new process. The commands take turns, so that a busy moment of
the machine does not count for one of them alone.
"""

import subprocess
import sys
import time
from statistics import median

COMMANDS = {
    "python": ["-c", "pass"],
    "--help": ["-m", "genanalytics", "--help"],
    "summary --help": ["-m", "genanalytics", "summary", "--help"],
    "--version": ["-m", "genanalytics", "--version"],
}
TURNS = 21


def measure(arguments: list[str]) -> float:
    """Return how long a process takes, in milliseconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return 1_000 * (time.perf_counter() - started)


def main(turns: int) -> None:
    """Print a line for each command."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(turns):
        for name, arguments in COMMANDS.items():
            times[name].append(measure(arguments))
    for name, found in times.items():
        print(f"{name:15} {median(found):6.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS)
