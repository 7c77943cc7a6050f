"""Write the report on the sample, and draw its start for the README. Run it with `python3 dev.py pictures`."""

import shutil
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from PIL import Image

import genanalytics as ga
from genanalytics.sandbox import sample

sys.path.insert(0, str(Path(__file__).parent))
import gallery

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TITLE = "OpenRouter in September 2026"
WIDTH, HEIGHT = 1200, 1000
_BEFORE, _SEED = 18_000, 8
"""The number of records of the month before, and their seed."""
_SCALE = 1.5
"""Pixels of the picture per pixel of the page."""
_COLORS = 128
"""A palette of so many colors makes the picture a third as large, and looks the same."""


def write_sample(path: Path) -> None:
    """Write the report on the records of the gallery, against those of the month before."""
    before = gallery.parse_sample(sample(_BEFORE, seed=_SEED, month="2026-08"))
    ga.write_report(gallery.make_records(), path, against=before, title=TITLE)


def draw(page: Path, folder: Path) -> None:
    """Draw the start of a page into a folder, as it looks in a light and in a dark browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - in the group of dependencies "browser"

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for scheme in SCHEMES:
            view = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, device_scale_factor=_SCALE
            )
            view.goto(page.as_uri())
            colors = Image.open(BytesIO(view.screenshot())).convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
            colors.save(folder / f"report-{scheme}.png", optimize=True)
        browser.close()


def main() -> None:
    """Draw the pictures."""
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write_sample(page)
        draw(page, Path(__file__).parent)


if __name__ == "__main__":
    main()
