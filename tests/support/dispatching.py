"""Runs of ids through a client, without a frame."""

from genanalytics.fetching.answers import Answer
from genanalytics.fetching.client import Client
from genanalytics.fetching.dispatch import Dispatch


def dispatch_of(client: Client, *, refresh: bool = False, wait_s: float = 0.0) -> Dispatch:
    return Dispatch(client, refresh=refresh, wait_s=wait_s, accept_mismatch=False)


def answers_of(client: Client, ids: list[str]) -> dict[str, Answer]:
    return {answer.requested_id: answer for _, answer in dispatch_of(client).answers(iter(ids))}


def cached(client: Client, ids: list[str]) -> set[str]:
    """Return which of the ids the cache knows."""
    return {entry.requested_id for entry in client.archive.look_up(list(map(client.make_cache_key, ids))).values()}
