from pathlib import Path

import pytest


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the place of a data set, which does not exist yet."""
    return tmp_path / "generations"
