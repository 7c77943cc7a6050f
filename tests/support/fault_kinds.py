"""The kinds of faults, each with what is to come of it."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from genanalytics.fetching.transport import MAX_BODY_BYTES
from support.faults import (
    Cuts,
    Drips,
    DripsHead,
    Fault,
    Garbles,
    Hangs,
    HangsUp,
    NamesTheMoment,
    Overflows,
    Resets,
    Says,
    envelope,
    good,
    record_of,
    refusal,
)

Make = Callable[[str, str], Fault]
"""Makes a fault for the id that is asked for and the URL of another service."""

FLOOD = 12
"""How many refusals come in a row."""
LONG_S = 10.0
"""A time limit for one request that nothing comes near which ends by itself."""
LIMIT_S = 1.0
"""The time limit for what would not end by itself, or not for long."""
DRIPPING_S = 60.0
"""How long what drips would take, at a byte at a time."""

HTML = b"<!DOCTYPE html><title>Just a moment...</title>"
GZIPPED = ("Content-Encoding", "gzip")
BOMB = gzip.compress(bytes(64 * MAX_BODY_BYTES))


@dataclass(frozen=True)
class Kind:
    """One way in which a service fails, and what is to come of it.

    Attributes:
        name: What it is called.
        make: Makes the fault.
        status: What the client sees: the status of the answer, or None where no whole answer came.
        says: How the message begins where the id ends with this fault.
        times: How often it is done in a row.
        outcome: What the id ends in after that; None where it is asked for again.
        counts: Whether each time is one of the failures that an id may have.
        remembered: Whether the cache may know of the outcome afterwards.
        pause_s: How long the service wants to be left alone.
        slow: Whether it takes a second: a pause, or the wait up to the time limit of the client.
        young: Whether the record may yet appear.
    """

    name: str
    make: Make
    status: int | None
    says: str = ""
    times: int = 1
    outcome: str | None = None
    counts: bool = False
    remembered: bool = False
    pause_s: float = 0.0
    slow: bool = False
    young: bool = False


def always(fault: Fault) -> Make:
    return lambda _asked, _elsewhere: fault


def to_body(make: Callable[[bytes], Fault]) -> Make:
    """Return a maker of faults that are done to the body of the good answer."""
    return lambda asked, _elsewhere: make(good(asked).body)


def to_record(make: Callable[[dict[str, Any]], bytes]) -> Make:
    """Return a maker of answers with status 200 that hold something else than the record."""
    return lambda asked, _elsewhere: Says(200, make(record_of(asked)))


def redirect(status: int, to: str = "") -> Make:
    return lambda asked, elsewhere: Says(status, headers=(("Location", f"{to or elsewhere}/generation?id={asked}"),))


def refused(status: int, pause: str) -> Make:
    return always(refusal(status, "slow down", Retry_After=pause))


NO_JSON = "the answer is not readable JSON: "
NO_RECORD = "the answer contains no record: "
TOO_LONG = "no answer: the answer is longer than 1,048,576 bytes"
TOO_LATE = f"no answer: not complete within {LIMIT_S:g} s"
HALTED = "the service asked for a pause until "

NO_ANSWER = [
    Kind("a reset before any byte", always(Resets()), None, "no answer: ConnectionResetError"),
    Kind(
        "a reset in the middle of a body",
        to_body(lambda body: Resets(body, sent=len(body) // 2)),
        None,
        "no answer: ConnectionResetError",
    ),
    Kind("the end before any byte", always(HangsUp()), None, "no answer: RemoteDisconnected"),
    Kind("half a body", to_body(lambda body: Cuts(body, sent=len(body) // 2)), None, "no answer: IncompleteRead"),
    Kind("a body but for its last byte", to_body(lambda body: Cuts(body, sent=len(body) - 1)), None, "no answer: "),
    Kind(
        "half a body in chunks",
        to_body(lambda body: Cuts(body, sent=len(body) // 2, chunked=True)),
        None,
        "no answer: ",
    ),
    Kind("no HTTP", always(Garbles(b"\x00\x01SSH-2.0-\r\n\r\n")), None, "no answer: BadStatusLine"),
    Kind("no gzip", always(Says(200, b"no gzip", (GZIPPED,))), None, "no answer: error"),
    Kind("two lengths", to_body(lambda body: Says(200, body, (("Content-Length", "7"),))), None, "no answer: "),
    Kind("an accept, and nothing more", always(Hangs()), None, TOO_LATE, slow=True),
    Kind(
        "a body that drips",
        to_body(lambda body: Drips(body, pause_s=DRIPPING_S / len(body))),
        None,
        TOO_LATE,
        slow=True,
    ),
    Kind("a head that drips", always(DripsHead(pause_s=DRIPPING_S / 1_000)), None, TOO_LATE, slow=True),
]
NO_RECORDS = [
    Kind("HTML", always(Says(200, HTML, (("Content-Type", "text/html"),))), 200, "the answer is an HTML page: "),
    Kind("a length too short", to_body(lambda body: Overflows(body, len(body) // 2)), 200, NO_JSON),
    Kind("NaN", to_record(lambda record: envelope(record | {"latency": float("nan")})), 200, NO_JSON),
    Kind("an error", always(replace(refusal(500), status=200)), 200, NO_RECORD),
    Kind("an empty body", always(Says(200)), 200, NO_JSON),
    Kind("a list", to_record(lambda record: b"[" + envelope(record) + b"]"), 200, NO_RECORD),
    Kind("a list of data", to_record(lambda record: envelope([record])), 200, NO_RECORD),
    Kind("no data", always(Says(200, envelope(None))), 200, NO_RECORD),
    Kind("no id", to_record(lambda record: envelope(record | {"id": None})), 200, NO_RECORD),
    Kind("half a gzip", to_body(lambda body: Says(200, gzip.compress(body)[:200], (GZIPPED,))), 200, NO_JSON),
    Kind("no UTF-8", to_record(lambda record: envelope(record)[:-1] + b"\xff}"), 200, NO_JSON),
]
RETRIED = [
    Kind(f"{status}, three times", always(refusal(status)), status, f"the service answered {status}: 'no'", times=3)
    for status in (408, 425, 500, 502, 503, 504, *range(520, 529))
]
PASSING = [
    replace(kind, counts=True)
    for kind in [
        *NO_ANSWER,
        *NO_RECORDS,
        *RETRIED,
        Kind("502, a page", always(Says(502, HTML)), 502, "the service answered 502: '<!DOCTYPE"),
        Kind(
            "503, Retry-After: 0.1",
            refused(503, "0.1"),
            503,
            "the service answered 503: 'slow down'",
            pause_s=0.1,
            slow=True,
        ),
    ]
]
REFUSING = [
    *(Kind(f"{status}", always(refusal(status)), status) for status in (429, 529)),
    *(Kind(f"{status}, a flood", always(refusal(status)), status, times=FLOOD) for status in (429, 529)),
    Kind("429, Retry-After: 0, a flood", refused(429, "0"), 429, times=FLOOD),
    Kind("429, Retry-After: 1", refused(429, "1"), 429, pause_s=1.0, slow=True),
    Kind("429, Retry-After: 0.1", refused(429, "0.1"), 429, pause_s=0.1, slow=True),
    Kind("429, Retry-After: a moment to come", always(NamesTheMoment(0.2)), 429, pause_s=0.2, slow=True),
    *(
        Kind(f"429, Retry-After: {pause}", refused(429, pause), 429)
        for pause in ("0", "Wed, 21 Oct 2015 07:28:00 GMT", "", "soon", "-1", "nan", "inf", "1 s", "Wed, 99 Oct")
    ),
]
ENDING_THE_RUN = [
    Kind(f"{status}, Retry-After: {pause}", refused(status, pause), status, HALTED, outcome="skipped")
    for status in (429, 503)
    for pause in ("600", "Fri, 31 Dec 2100 23:59:59 GMT")
]
LASTING = [
    *(
        Kind(f"{status} to elsewhere", redirect(status), status, f"the service answered {status}: ", outcome="failed")
        for status in (301, 302, 303, 307, 308)
    ),
    Kind("302 to itself", redirect(302, "."), 302, "the service answered 302: ", outcome="failed"),
    *(
        Kind(f"{status}", always(refusal(status)), status, f"the service answered {status}: 'no'", outcome="failed")
        for status in (400, 402)
    ),
    Kind("403", always(refusal(403)), 403, "the generation belongs to another account: 'no'", outcome="forbidden"),
    Kind("403, a page", always(Says(403, HTML)), 403, "the service answered 403: '<!DOCTYPE", outcome="failed"),
    Kind("404", always(refusal(404)), 404, "the service has no record of it", outcome="not_found", remembered=True),
    Kind("404, young", always(refusal(404)), 404, "the service has no record of it yet", outcome="pending", young=True),
    Kind("404, a page", always(Says(404, HTML)), 404, "the service answered 404: '<!DOCTYPE", outcome="failed"),
    Kind("a bomb", always(Says(200, BOMB, (GZIPPED,))), None, TOO_LONG, outcome="failed"),
    Kind("a long body", always(Says(200, bytes(MAX_BODY_BYTES + 1))), None, TOO_LONG, outcome="failed"),
]
OTHERS = [
    Kind("another record, once", always(good("gen-other")), 200),
    Kind(
        "another record, twice",
        always(good("gen-other")),
        200,
        "the answer carries another id: 'gen-other'",
        times=2,
        outcome="mismatch",
    ),
]
HARMLESS = [
    replace(kind, outcome="ok", remembered=True)
    for kind in [
        Kind("a record that drips in time", to_body(lambda body: Drips(body, pause_s=0.0001, chunked=True)), 200),
        Kind("a record, compressed", to_body(lambda body: Says(200, gzip.compress(body), (GZIPPED,))), 200),
        Kind("a record called HTML", to_body(lambda body: Says(200, body, (("Content-Type", "text/html"),))), 200),
        Kind("a record, and more bytes", to_body(lambda body: Overflows(body + good("gen-2").body, len(body))), 200),
    ]
]
KINDS = [*PASSING, *REFUSING, *ENDING_THE_RUN, *LASTING, *OTHERS, *HARMLESS]
FILLERS = [
    replace(kind, times=1)
    for kind in PASSING
    if kind.name in {"the end before any byte", "half a body", "HTML", "NaN", "503, three times", "524, three times"}
]
"""What else goes wrong before, so that a fault comes second or last: one more than is needed, since none is its own."""
