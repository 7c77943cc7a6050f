"""Which call continues which: the previous call of each call of a session, by the sizes of their prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FAR_BELOW = 0.5
"""A prompt below this share of the session's prompt is a side call, such as one for a title, or a new beginning."""
NOTHING = -1
"""The place of the previous call of a call without one."""

_MOST_OPEN = 50
_SAME_SIZE = 1.01
_LITTLE_GROWTH = 1.1


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in the order of time: lists of one length.

    Attributes:
        moments: Seconds since 1970.
        prompts: Prompt tokens.
        cached: The part of the prompt that was read from the cache.
        providers: A number for the provider.
        states: A number for the provider, its endpoint and its price regime.
        retried: Whether an attempt failed.
    """

    moments: Sequence[float]
    prompts: Sequence[float]
    cached: Sequence[float]
    providers: Sequence[int]
    states: Sequence[int]
    retried: Sequence[bool]


def link_session(calls: Calls) -> list[int]:
    """Return the place of the previous call of each call of one session; `NOTHING` for calls that continue none.

    A call continues the last call of the session whose prompt is of like size. A prompt below `FAR_BELOW` of the
    session's prompt is a side call, which is not compared, unless the session goes on from it: then it is a compaction.
    A call with more than double the prompt of a first call is a new beginning, since the first call may be a side call.

    >>> link_session(Calls(range(4), [9_000, 300, 9_500, 9_900], [0, 0, 8_990, 9_490], *[[0] * 4] * 3))
    [-1, -1, 0, 2]
    >>> link_session(Calls(range(4), [9_000, 3_000, 3_500, 5_000], [0, 0, 2_990, 3_490], *[[0] * 4] * 3))
    [-1, 0, 1, 2]
    """
    prompts = calls.prompts
    previous = [NOTHING] * len(prompts)
    main, is_first = NOTHING, True
    aside: list[int] = []
    for place, prompt in enumerate(prompts):
        if main != NOTHING and prompt < FAR_BELOW * prompts[main]:
            if aside and prompt < FAR_BELOW * prompts[aside[-1]]:
                aside = []
            aside.append(place)
            continue
        if aside and FAR_BELOW * prompt <= prompts[aside[-1]]:
            _chain(previous, [main, *aside, place])
        elif main != NOTHING and not (is_first and FAR_BELOW * prompt > prompts[main]):
            previous[place] = main
        is_first = previous[place] == NOTHING
        main, aside = place, []
    if len(aside) > 1 and any(calls.cached[place] > 0 for place in aside[1:]):
        _chain(previous, [main, *aside])
    return previous


def _chain(previous: list[int], places: Sequence[int]) -> None:
    """Let each call continue the one before it."""
    for before, place in pairwise(places):
        previous[place] = before


def link_guessed(calls: Calls, *, longest_s: float, short_s: float) -> list[int]:
    """Return the place of the previous call of each call of one app and model without sessions.

    A call continues a call of the last `longest_s` seconds with a smaller prompt: the one whose prompt is closest to
    what was read from the cache, else the one with the largest prompt. A call that read less than half of that prompt
    begins a session of its own unless the endpoint or the price of the provider changed. If the prompt grew by at most
    10 %, a change of the provider, a failed attempt or a pause of more than `short_s` seconds is enough.

    >>> calls = Calls(range(4), [9_000, 300, 9_500, 3_000], [0, 0, 8_990, 0], *[[0] * 4] * 3)
    >>> link_guessed(calls, longest_s=3_600, short_s=300)
    [-1, -1, 0, -1]
    """
    previous = [NOTHING] * len(calls.prompts)
    ends: list[int] = []
    for place, prompt in enumerate(calls.prompts):
        ends = [end for end in ends if calls.moments[place] - calls.moments[end] <= longest_s][-_MOST_OPEN:]
        possible = [end for end in ends if calls.prompts[end] <= _SAME_SIZE * prompt]
        if possible:
            found = _choose_end(calls, place, possible)
            if _is_continued(calls, found, place, short_s):
                previous[place] = found
                ends.remove(found)
        ends.append(place)
    return previous


def _choose_end(calls: Calls, place: int, possible: Sequence[int]) -> int:
    cached = calls.cached[place]
    if cached > 0:
        return min(possible, key=lambda end: abs(calls.prompts[end] - cached))
    return max(possible, key=lambda end: calls.prompts[end])


def _is_continued(calls: Calls, before: int, place: int, short_s: float) -> bool:
    """Return whether a call that may be the first of a session is taken for one that goes on."""
    if calls.cached[place] >= FAR_BELOW * calls.prompts[before]:
        return True
    is_moved = calls.providers[place] != calls.providers[before]
    if not is_moved and calls.states[place] != calls.states[before]:
        return True
    is_changed = is_moved or calls.retried[place]
    is_paused = calls.moments[place] - calls.moments[before] > short_s
    return (is_changed or is_paused) and calls.prompts[place] <= _LITTLE_GROWTH * calls.prompts[before]
