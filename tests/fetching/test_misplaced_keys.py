"""An API key that is given as something else is refused, and is in no frame of the exception."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.fetching.secret import KEY_VARIABLE
from support.leaks import CANARY, leaks, told

pytestmark = pytest.mark.usefixtures("brisk")


def test_a_key_in_the_url_is_refused_unseen() -> None:
    with pytest.raises(ga.InputError) as raised:
        Client("x", base_url=f"https://me:{quote(CANARY, safe='')}@a.example")
    assert not leaks(f"{raised.value} {raised.value!r}")


def variables_of(error: BaseException) -> list[str]:
    """Return the variables of the frames of an exception that are this package's, as a crash report prints them."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if frame.f_globals["__name__"].startswith("genanalytics")]
    assert ours
    return [
        f"{name}={value!r} {getattr(value, '__dict__', '')}" for frame in ours for name, value in frame.f_locals.items()
    ]


REAL = "sk-or-v1-" + "fedcba98" * 8
"""Known as an API key by its form alone."""


MISPLACED: dict[str, dict[str, Any]] = {
    "account": {"account": CANARY},
    "account, without an API key": {"account": REAL, "api_key": "a b"},
    "account, and no number": {"account": CANARY, "max_workers": -1},
    "user of the URL": {"base_url": f"https://{quote(CANARY, safe='')}@a.example/v1"},
    "password of the URL": {"base_url": f"https://user:{CANARY}@a.example/v1"},
    "query of the URL": {"base_url": f"https://a.example/v1?key={CANARY}"},
    "path of the URL": {"base_url": f"https://a.example/{CANARY}"},
    "host of the URL": {"base_url": f"https://{CANARY}"},
}


@pytest.mark.parametrize("place", MISPLACED)
@pytest.mark.parametrize("door", [Client, Client.from_env], ids=["Client", "from_env"])
def test_a_key_in_the_wrong_place_is_in_no_frame_of_the_exception(
    place: str, door: Callable[..., Client], tmp_path: Path
) -> None:
    options = {"api_key": CANARY, "cache_dir": tmp_path} | MISPLACED[place]
    with pytest.raises(ga.GenAnalyticsError) as raised:
        door(**options)
    assert not [text for text in variables_of(raised.value) if leaks(text) or REAL in text]
    assert not leaks(told(raised.value))


def test_a_password_in_the_base_url_is_in_no_frame_of_the_exception(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENANALYTICS_BASE_URL", "https://me:swordfish@a.example/v1")
    monkeypatch.setenv(KEY_VARIABLE, CANARY)
    with pytest.raises(ga.GenAnalyticsError) as raised:
        Client.from_env(cache_dir=tmp_path)
    assert not [text for text in variables_of(raised.value) if "swordfish" in text or leaks(text)]
