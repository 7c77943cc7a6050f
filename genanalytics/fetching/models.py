"""The service's list of models with their prices: public, so no API key is sent."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from typing import Any

from genanalytics.base.atomic import replace_file
from genanalytics.errors import CacheError, GenAnalyticsError
from genanalytics.fetching.pacing.pace import draw_backoff_s
from genanalytics.fetching.secret import Secret
from genanalytics.fetching.transport import RETRIED, NoReplyError, Reply, Transport, check_base_url

FRESH_S = 3_600.0
"""A stored list is used for this long without asking again, as the service allows."""

_PAGE = 100
"""A hundred models take some two hundred thousand bytes, and an answer may have a million."""
_ATTEMPTS = 3
_LONGEST_WAIT_S = 20.0
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class ModelList:
    """The list of models.

    Attributes:
        models: The models, as parsed JSON.
        fetched_at: When the service sent the list (Unix time in seconds).
        notice: Why an old list is used; empty if it is fresh.
    """

    models: list[Any]
    fetched_at: float
    notice: str = ""


def fetch_models(
    base_url: str, cache_dir: Path, *, offline: bool = False, timeout_s: float = 30.0, fresh_s: float = FRESH_S
) -> ModelList:
    """Return the service's list of models, from the cache if it is fresh.

    Args:
        base_url: The URL of the API.
        cache_dir: The directory of the cache; the list is a file in it.
        offline: Send nothing; use the stored list, however old it is.
        timeout_s: The time limit for one request in seconds.
        fresh_s: How long a stored list is used without asking again, in seconds.

    Raises:
        InputError: The URL cannot be used.
        CacheError: There is no stored list, and nothing may be sent.
        GenAnalyticsError: The service does not send the list, and none is stored.
        OutputError: The list cannot be stored.
    """
    base_url = check_base_url(base_url)
    digest = blake2b(base_url.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    path = cache_dir.expanduser() / f"models-{digest}.json"
    stored = _read(path)
    if stored is not None and (offline or 0 <= time.time() - stored.fetched_at < fresh_s):
        return stored
    if offline:
        msg = f"no list of models in {cache_dir}: run once without --offline"
        raise CacheError(msg)
    try:
        found = ModelList(list(_ask_all(base_url, timeout_s)), time.time())
    except GenAnalyticsError as error:
        if stored is None:
            raise
        day = time.strftime("%Y-%m-%d", time.gmtime(stored.fetched_at))
        return ModelList(stored.models, stored.fetched_at, f"prices of {day}: {error}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replace_file(path, mode=0o600) as part:
        part.write_text(json.dumps({"fetched_at": found.fetched_at, "data": found.models}), encoding="utf-8")
    return found


def _read(path: Path) -> ModelList | None:
    """Return a stored list; None if there is none, or if it is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        document = json.loads(path.read_text(encoding="utf-8"))
        return ModelList(list(document["data"]), float(document["fetched_at"]))
    return None


def _ask_all(base_url: str, timeout_s: float) -> Iterator[Any]:
    """Yield the models of all pages."""
    transport = Transport(base_url, Secret(None), pool_size=1, timeout_s=timeout_s)
    seen: set[str] = set()
    try:
        while True:
            models = _read_page(_ask(transport, f"{base_url}/models?limit={_PAGE}&offset={len(seen)}"), base_url)
            new = [model for model in models if str(model.get("id")) not in seen]
            yield from new
            seen.update(str(model.get("id")) for model in new)
            if not new or len(models) < _PAGE:
                return
    finally:
        transport.close()


def _ask(transport: Transport, url: str) -> Reply:
    """Return the answer of the service, which is asked again after a failure that may pass."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            reply = transport.get(url)
        except NoReplyError as error:
            reason, again, wait_s = str(error), error.again and not error.is_setup, 0.0
        else:
            if reply.status == HTTPStatus.OK:
                return reply
            reason, again = f"it answered {reply.status}", reply.status in RETRIED
            wait_s = reply.retry_after_s or 0.0
        if not again or attempt == _ATTEMPTS or wait_s > _LONGEST_WAIT_S:
            break
        time.sleep(max(wait_s, draw_backoff_s(attempt)))
    msg = f"no list of models from {url.partition('?')[0]}: {reason}; give prices in a file instead"
    raise GenAnalyticsError(msg)


def _read_page(reply: Reply, base_url: str) -> list[dict[str, Any]]:
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        models = json.loads(reply.body)["data"]
        if isinstance(models, list) and all(isinstance(model, dict) for model in models):
            return models
    msg = f"{base_url}/models did not answer with a list of models: is the base URL right?"
    raise GenAnalyticsError(msg)
