"""Why a run ends before its last id: each reason in one sentence, with what was seen and what to do."""

import time

from genanalytics.units import format_count

_CHECK_FIRST = "check the connection with `genanalytics doctor`, then fetch again; fetched records are kept"


def explain_silence(requests: int, seconds: float, failure: str) -> str:
    """Return the reason if nothing got through; `failure` is the last one."""
    shown = f"{seconds:.0f} s" if seconds >= 1 else "less than a second"
    return f"nothing got through in {requests} requests and {shown} ({failure}): {_CHECK_FIRST}"


def explain_failures(failure: str) -> str:
    """Return the reason if the retries of the run are used up; `failure` is the last one."""
    return f"too many requests failed ({failure}): {_CHECK_FIRST}"


def explain_refusals(seconds: float, refusal: str) -> str:
    """Return the reason if the service refused everything for so long; `refusal` is the last one."""
    return (
        f"the service refused everything for {seconds:.0f} s ({refusal}): fetch again as soon as `genanalytics doctor`"
        " gets an answer; fetched records are kept"
    )


def explain_pause(until: float) -> str:
    """Return the reason if the service wants a long pause, until then (Unix time)."""
    return (
        f"the service asked for a pause until {_format(until)}: fetch again then, or as soon as `genanalytics doctor`"
        " gets an answer; fetched records are kept"
    )


def explain_pause_of_some(ids: int, until: float) -> str:
    """Return why the run goes on without some ids: the service wants a long pause for them alone."""
    return f"left out {format_count(ids, 'id')}: the service asked for a pause until {_format(until)}; fetch again then"


def _format(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
