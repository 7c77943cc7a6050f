"""Which call continues which, and after how long."""

import numpy as np
import pandas as pd

from genanalytics.decide.replay.gaps import BEFORE, GAP_MS, REQUIRED, guess_sessions, link_by_session, select_needed
from support.cached_sessions import Call, draw_calls, frame_calls


def link(frame: pd.DataFrame) -> pd.DataFrame:
    found: pd.DataFrame = link_by_session(select_needed(frame, REQUIRED), REQUIRED)
    return found


def link_sizes(*sizes: int) -> tuple[list[object], list[object]]:
    """Return the gaps in seconds and the previous prompts of calls of one session, ten seconds apart."""
    frame = frame_calls([Call("s", 10.0 * place, prompt, 20) for place, prompt in enumerate(sizes)], 300.0)
    found = link(frame)
    gaps = [None if pd.isna(gap) else gap / 1_000 for gap in found[GAP_MS]]
    return gaps, [None if pd.isna(prompt) else prompt for prompt in found[BEFORE]]


def test_a_call_continues_the_last_one() -> None:
    assert link_sizes(9_000, 9_500, 9_900) == ([None, 10, 10], [None, 9_000, 9_500])


def test_a_side_call_is_passed_over() -> None:
    assert link_sizes(9_000, 3_000, 9_900) == ([None, 10, 20], [None, 9_000, 9_000])


def test_a_session_that_is_compacted_goes_on_from_there() -> None:
    assert link_sizes(9_000, 3_000, 3_500, 4_000) == ([None, 10, 10, 10], [None, 9_000, 3_000, 3_500])


def test_prompts_that_no_provider_caches_are_left_out() -> None:
    assert link_sizes(9_000, 300, 9_900) == ([None, 20], [None, 9_000])


def test_only_wanted_columns_are_returned() -> None:
    frame = frame_calls(draw_calls(np.random.default_rng(1), 5), 300.0, note="kept", other="left out")
    names = [*REQUIRED, "note"]
    found = link_by_session(select_needed(frame, names), names)
    assert (found["note"] == "kept").all()
    assert [*found.columns] == [*names, GAP_MS, BEFORE]


def test_sessions_are_guessed_only_if_no_record_has_one() -> None:
    frame = frame_calls(draw_calls(np.random.default_rng(1), 5, gap_s=20.0, spread=0.5), 300.0)
    some = frame.assign(session_id=frame["session_id"].where(frame.index > 0))
    assert guess_sessions(some) == (some, [])
    none = frame.assign(session_id=pd.Series(None, dtype="str"))
    found, notices = guess_sessions(none)
    pairs = pd.DataFrame({"guessed": found["session_id"], "true": frame["session_id"]}).drop_duplicates()
    assert len(pairs) == frame["session_id"].nunique() == found["session_id"].nunique()
    assert len(notices) == 1
    assert none["session_id"].isna().all()
