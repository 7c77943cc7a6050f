"""The key is signed in below everything: wherever people, files and programs look, it is not."""

import builtins
import copy
import gc
import io
import json
import logging
import os
import pickle
import pprint
import re
import subprocess
import sys
import threading
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click import Command, Context, Group

import genanalytics as ga
from genanalytics import Client
from genanalytics.cli import main as cli
from genanalytics.fetching import transport
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.secret import KEY_VARIABLE, Secret
from genanalytics.files import write, write_failures
from support.fault_server import FaultServer
from support.faults import Cuts, Garbles, HangsUp, Says, envelope, good, make_ids, record_of, refusal
from support.leaks import CANARY, error_of, leaks, shown_of, told

IDS = make_ids(8)
MakeClient = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.fixture
def make(make_client: MakeClient) -> MakeClient:
    """Return a maker of clients that hold the canary."""
    return lambda **options: make_client(CANARY, **options)


@pytest.fixture
def used(server: FaultServer, make: MakeClient) -> Client:
    """Return a client that has just fetched, through every kind of trouble."""
    client = make()
    trouble(server)
    ga.fetch(IDS, client=client, wait_s=0)
    return client


def trouble(server: FaultServer) -> None:
    """Plan a failure of each kind, each with the key in it where one can stand."""
    server.plan(IDS[0], refusal(400, CANARY))
    server.plan(IDS[1], good(CANARY), good(CANARY))
    server.plan(IDS[2], refusal(404, CANARY))
    server.plan(IDS[3], refusal(403, CANARY))
    server.plan(IDS[4], HangsUp(), Cuts(b"x" * 99, sent=50), Says(302, b"", (("Location", f"/{CANARY}"),)))
    server.plan(IDS[5], Garbles(f"HTTP/1.1 {CANARY}\r\n\r\n".encode()), refusal(500, quote(CANARY, safe="")))
    server.plan(IDS[6], refusal(503, b64encode(CANARY.encode()).decode()), refusal(400, CANARY, X_Echo=CANARY))


def test_the_canary_is_sent_and_would_be_seen(server: FaultServer, used: Client) -> None:
    assert {tuple(request.values("Authorization")) for request in server.requests} == {(f"Bearer {CANARY}",)}
    assert leaks(f"Authorization: Bearer {CANARY}")
    assert leaks(b64encode(f"user:{CANARY}".encode()))
    assert leaks(quote(f"key={CANARY}"))
    assert leaks(told(error_of(lambda: json.loads(CANARY))))
    assert used.account


def test_files_of_the_cache(used: Client) -> None:
    files = list(used.archive.path.parent.iterdir())
    assert {file.suffix for file in files} >= {".sqlite", ".sqlite-wal"}
    assert not any(leaks(file.read_bytes()) for file in files)
    used.close()
    assert not leaks(used.archive.path.read_bytes())


def test_logs_of_every_logger_at_debug(server: FaultServer, make: MakeClient, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "urllib3", "requests", "requests_cache", "genanalytics"):
        caplog.set_level(logging.DEBUG, logger=name)
    trouble(server)
    malformed = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n{CANARY}\r\n\r\n{{}}".encode()
    server.plan(IDS[7], Garbles(malformed), Garbles(f"{CANARY}\r\n".encode()))
    ga.fetch(IDS, client=make(), wait_s=0)
    assert "GET /api/v1/generation" in caplog.text
    assert not leaks(caplog.text)
    assert not leaks([vars(record) for record in caplog.records])


def test_prints_and_warnings(server: FaultServer, make: MakeClient, capfd: pytest.CaptureFixture[str]) -> None:
    trouble(server)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = make()
        ga.fetch(IDS, client=client, wait_s=0, progress=True)
        client.close()
        del client
        gc.collect()
    assert not leaks([str(warning.message) for warning in caught])
    assert not leaks(capfd.readouterr())


def test_repr_str_and_display_of_a_client_and_all_that_is_in_it(used: Client) -> None:
    assert not leaks(shown_of(used))
    assert "[key]" in shown_of(used)
    assert not leaks(f"{used} {used!r} {used!s} {vars(used)}")


def test_display_of_what_was_fetched(server: FaultServer, make: MakeClient) -> None:
    trouble(server)
    fetched = ga.fetch(IDS, client=make(), wait_s=0)
    assert fetched.stats.outcomes["mismatch"] == 1
    for shown in (fetched, fetched.stats, fetched.frame, fetched.failures):
        assert not leaks(f"{shown!r} {shown!s}")
    for frame in (fetched.frame, fetched.failures):
        assert not leaks(frame.to_html() + frame.to_csv() + str(frame.attrs))
        assert not leaks(pickle.dumps(frame))


def test_nothing_with_the_key_in_it_is_pickled_or_copied(used: Client) -> None:
    for value in (used, used._transport, Secret(CANARY)):
        for act in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                act(value)
    assert not leaks(pickle.dumps(used._transport._adapters.get()))


def test_attributes_of_session_adapter_and_template(used: Client) -> None:
    inside = used._transport
    assert "Authorization" not in inside._template.headers
    assert not leaks(inside._template.headers)
    assert not leaks(inside._options)
    assert not leaks(vars(inside._adapters.get()))
    assert not leaks(vars(inside._adapters.get().poolmanager))


def test_threads_and_environment_of_children(server: FaultServer, make: MakeClient) -> None:
    seen: list[object] = []
    before = dict(os.environ)

    def looks_around(generation_id: str) -> Says:
        seen.append([(each.name, each) for each in threading.enumerate()])
        return good(generation_id)

    server.otherwise = looks_around
    ga.fetch(IDS, client=make(), wait_s=0)
    assert seen
    assert not leaks(seen)
    assert dict(os.environ) == before
    shown = subprocess.run([sys.executable, "-c", "import os; print(os.environ)"], capture_output=True, check=True)
    assert not leaks(shown.stdout)


@pytest.mark.parametrize("form", [".parquet", ".csv", ".jsonl"])
def test_files_of_records_and_failures(form: str, server: FaultServer, make: MakeClient, tmp_path: Path) -> None:
    trouble(server)
    fetched = ga.fetch(IDS, client=make(), wait_s=0)
    write(fetched.frame, tmp_path / f"records{form}")
    write_failures(fetched.failures, tmp_path / f"failures{form}")
    for name in ("records", "failures"):
        file = tmp_path / f"{name}{form}"
        assert not leaks(file.read_bytes())
        if form == ".parquet":
            assert not leaks(pq.read_schema(file).metadata)
            assert not leaks(pd.read_parquet(file).to_csv())


def test_a_record_that_holds_the_key(server: FaultServer, make: MakeClient) -> None:
    record = record_of(IDS[0]) | {"origin": f"https://a.example/?key={quote(CANARY, safe='')}", "user": CANARY}
    server.plan(IDS[0], Says(200, envelope(record)))
    client = make()
    fetched = ga.fetch(IDS[:1], client=client)
    assert fetched.stats.outcomes == {"ok": 1}
    assert not leaks(fetched.frame.to_csv())
    assert not leaks(b"".join(file.read_bytes() for file in client.archive.path.parent.iterdir()))


def refused(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    server.plan(IDS[0], refusal(401, CANARY))
    return ga.fetch(IDS[:1], client=make())


def no_file(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    return ga.fetch(tmp_path / "missing.txt", client=make())


def ids_that_raise(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    def ids() -> Iterator[str]:
        yield from IDS
        raise ZeroDivisionError

    return ga.fetch(ids(), client=make())


def cache_that_is_a_file(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    (tmp_path / "file").touch()
    return make(cache_dir=tmp_path / "file")


def cache_that_is_a_file_by_environment(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    (tmp_path / "file").touch()
    return Client.from_env(cache_dir=tmp_path / "file", base_url=server.base_url)


def cache_that_is_a_file_by_override(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    (tmp_path / "file").touch()
    return Client.from_env(cache_dir=tmp_path / "file", base_url=server.base_url, api_key=CANARY)


def key_with_a_space(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    return Client(f"x {CANARY}")


def key_with_a_line_end(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    return Client(f"{CANARY}\r\n{CANARY}")


def key_that_is_not_ascii(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    return Client(f"{CANARY}\u00e9")


def argument_out_of_range(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    return make(max_workers=0)


def url_in_the_open(server: FaultServer, make: MakeClient, tmp_path: Path) -> object:  # noqa: ARG001
    return make(base_url="http://a.example")


RAISING = [
    refused,
    no_file,
    ids_that_raise,
    cache_that_is_a_file,
    cache_that_is_a_file_by_environment,
    cache_that_is_a_file_by_override,
    key_with_a_space,
    key_with_a_line_end,
    key_that_is_not_ascii,
    argument_out_of_range,
    url_in_the_open,
]


@pytest.mark.parametrize("act", RAISING)
def test_exceptions_their_chains_and_the_locals_of_their_frames(
    act: Callable[[FaultServer, MakeClient, Path], object],
    server: FaultServer,
    make: MakeClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, CANARY)
    error = error_of(lambda: act(server, make, tmp_path))
    monkeypatch.delenv(KEY_VARIABLE)
    text = told(error)
    assert type(error).__name__ in text
    assert not leaks(text), [line for line in text.splitlines() if leaks(line)]


@pytest.mark.parametrize("where", ["socket", "head", "body", "record"])
def test_a_bug_below_the_signature(
    where: str, server: FaultServer, make: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> Any:  # noqa: ANN401 - it never returns
        raise AssertionError(where)

    places = {
        "socket": ("urllib3.connection.HTTPConnection.putheader", breaks),
        "head": ("http.client.HTTPConnection.getresponse", breaks),
        "body": ("genanalytics.fetching.transport._read", breaks),
        "record": ("genanalytics.fetching.client.read_record", breaks),
    }
    monkeypatch.setattr(*places[where])
    error = error_of(lambda: ga.fetch(IDS[:1], client=make()))
    assert isinstance(error, AssertionError)
    assert not leaks(told(error))
    assert len(server.requests) <= 1


def test_every_failure_that_an_answer_tells(server: FaultServer, make: MakeClient) -> None:
    client = make()
    trouble(server)
    for generation_id in IDS[:7]:
        for attempt in range(1, 4):
            answer = client.ask(generation_id, attempt=attempt, accept_mismatch=False, stopped=threading.Event())
            assert isinstance(answer, Answer)
            assert not leaks(repr(answer))
            if answer.outcome is not Outcome.FAILED or answer.retry_in_s is None:
                if generation_id in server.undelivered:
                    continue
                break


def options_of(command: Command) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts
    if isinstance(command, Group):
        context = Context(command)
        for name in command.list_commands(context):  # they are loaded by their names
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options_of(inner)


def test_no_flag_takes_a_key() -> None:
    named = {option for option in options_of(cli.commands) if re.search("key|token|secret|auth", option)}
    assert named == {"--api-key-file", "--management-key-file", "--redact-key-file"}


FAILING_CALLS = {
    "well": (["fetch", IDS[7]], 0),
    "json": (["fetch", IDS[7], "--json"], 0),
    "some without a record": (["fetch", *IDS], 3),
    "some without a record, as JSON": (["fetch", *IDS, "--json", "--failures", "f.jsonl"], 3),
    "refused": (["fetch", "gen-refused"], 4),
    "no such file": (["fetch", "missing.txt"], 2),
    "no such option": (["fetch", "--api-key", CANARY[:8]], 2),
    "no such directory": (["fetch", IDS[7], "--output", "missing/out.csv"], 2),
    "a cache that is none": (["fetch", IDS[7], "--cache-dir", "file"], 1),
    "a bad url": (["fetch", IDS[7], "--base-url", "http://a.example"], 2),
    "help": (["fetch", "--help"], 0),
}


@pytest.mark.parametrize("name", FAILING_CALLS)
@pytest.mark.parametrize("source", ["environment", pytest.param("file", marks=pytest.mark.long)])
def test_output_errors_and_command_line_of_the_program(
    name: str, source: str, server: FaultServer, tmp_path: Path
) -> None:
    arguments, code = FAILING_CALLS[name]
    (tmp_path / "file").touch()
    environment = os.environ | {"GENANALYTICS_BASE_URL": server.base_url, "GENANALYTICS_CACHE_DIR": str(tmp_path / "c")}
    if source == "environment":
        environment[KEY_VARIABLE] = CANARY
    elif arguments[0] == "fetch":
        (tmp_path / "key.txt").write_text(f"{CANARY}\n")
        arguments = [*arguments, "--api-key-file", "key.txt"]
    if len(arguments) > len(IDS):
        trouble(server)
    server.plan("gen-refused", *[refusal(401, CANARY)] * (name == "refused"))
    command = [sys.executable, "-m", "genanalytics", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert not leaks(done.stdout + done.stderr)
    assert "Traceback" not in done.stderr
    written = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "key.txt"]
    assert not any(leaks(file.read_bytes()) for file in written)


@pytest.mark.parametrize("text", ["x y", f"{CANARY} {CANARY}", "", CANARY + "\n" + CANARY])
def test_a_key_file_that_holds_no_key(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key.txt").write_text(text)
    assert cli.run(["fetch", IDS[0], "--api-key-file", str(tmp_path / "key.txt")]) == 2
    assert not leaks(capsys.readouterr())


def test_a_notebook_that_prints_every_name(used: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    stream = io.StringIO()
    pprint.pprint(vars(used), stream=stream)
    pprint.pprint(vars(used._transport), stream=stream)
    pprint.pprint(vars(transport), stream=stream)
    assert not leaks(stream.getvalue())
