"""The key is hidden in every encoding, other text is unchanged, and a key in a list of ids is never sent."""

import gzip
import hashlib
import io
import json
import time
import tracemalloc
import zlib
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics import Client
from genanalytics.base.mask import hide_api_keys, hide_in_all
from genanalytics.base.packed import MOST_LAYERS
from genanalytics.cli import main as cli
from genanalytics.errors import InputError
from genanalytics.fetching.fetch import fetch_verbatim
from genanalytics.fetching.secret import Secret
from genanalytics.sandbox import sample
from support.fault_server import FaultServer
from support.faults import KEY, Says, envelope, make_ids, record_of

OTHER = "sk-or-v1-" + hashlib.sha256(b"random, as real keys are").hexdigest()
"""A key that is not the client's."""
ODD = r"k%41y\u0041&sol;" + "-_.~" * 4
"""A key that looks as if it were escaped."""

Encode = Callable[[str], str]


def escape(form: str) -> Encode:
    return lambda text: "".join(form.format(ord(character)) for character in text)


ESCAPES: list[Encode] = [
    escape(r"\u{:04x}"),
    escape(r"\u{:04X}"),
    escape(r"\\u{:04x}"),
    escape(r"\x{:02x}"),
    escape("%{:02x}"),
    escape("%{:02X}"),
    escape("%25{:02x}"),
    escape("&#{};"),
    escape("&#x{:X};"),
    escape("&amp;#{:04};"),
    lambda text: text.replace("-", r"\u002d"),
    lambda text: text.replace("-", "%2D"),
    "\0".join,
    " \n".join,
    lambda text: json.dumps(text)[1:-1],
]
ENCODINGS: list[Encode] = [
    str,
    str.upper,
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex().upper(),
    *(lambda text, shift=shift: b64encode(b"." * shift + text.encode() + b".").decode() for shift in range(3)),
    lambda text: urlsafe_b64encode(f"Bearer {text}".encode()).decode().rstrip("="),
    lambda text: encodebytes(f"Bearer {text}".encode()).decode(),
    lambda text: b64encode(text.encode("utf-16-le")).decode(),
]


@given(
    st.sampled_from([KEY, OTHER, ODD]),
    st.sampled_from(ENCODINGS),
    st.lists(st.sampled_from(ESCAPES), max_size=2),
    st.sampled_from(["", "a key: ", "x=", "\\\\", "%", "&"]),
)
def test_a_key_is_hidden_in_every_mixture_of_encodings(
    key: str, encode: Encode, escapes: list[Encode], before: str
) -> None:
    text = encode(key)
    for each in escapes:
        text = each(text)
    hidden = Secret(key).hide(f"{before}{text} and more".encode())
    assert b"[key]" in hidden
    left = len(hidden) - len(f"{before}[key] and more")
    assert left < len(text) / 3, "at most what Base64 has around the key"


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "Base64": b64encode,
    "Base64 for URLs": lambda data: urlsafe_b64encode(data).rstrip(b"="),
    "Base64 in lines": encodebytes,
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "UTF-16": lambda data: data.decode("ascii").encode("utf-16-le"),
}
AS_TEXT = ["Base64", "Base64 for URLs", "Base64 in lines", "hex", "HEX"]


def pack(key: str, names: list[str]) -> str:
    """Return a key in all these layers, the first one innermost; only text is written in UTF-16."""
    data = f"Bearer {key}".encode()
    for name in names:
        if name != "UTF-16" or data.isascii():
            data = PACKERS[name](data)
    return data.decode()


@given(
    st.sampled_from([KEY, OTHER, ODD]),
    st.lists(st.sampled_from(sorted(PACKERS)), max_size=MOST_LAYERS - 1),
    st.sampled_from(AS_TEXT),
    st.sampled_from(["", "token: ", "id_", "x-y", "https://a.example/?q=1&t="]),
    st.sampled_from([str, lambda text: text.replace("/", r"\/"), lambda text: text.replace("+", "%2B")]),
)
def test_a_key_is_hidden_in_every_order_of_layers(
    key: str, names: list[str], last: str, before: str, escape: Encode
) -> None:
    packed = escape(pack(key, [*names, last]))
    hidden = Secret(key).hide(envelope({"id": "gen-1", "user": f"{before}{packed}", "model": "maker/model"}))
    record = json.loads(hidden)["data"]
    assert "[key]" in record["user"]
    assert len(record["user"]) - len(f"{before}[key]") < len(packed) / 3, "at most what Base64 has around the key"
    assert record["model"] == "maker/model"


@pytest.mark.parametrize("names", [["Base64"] * MOST_LAYERS, ["gzip", "Base64"] * (MOST_LAYERS // 2)])
def test_as_many_layers_as_promised_are_unpacked(names: list[str]) -> None:
    assert Secret(KEY).hide(f'"{pack(KEY, names)}"'.encode()) in {b'"[key]"', b'"[key]="', b'"[key]=="'}


@pytest.mark.parametrize(
    "text",
    [
        b"A" * 10**6,
        b64encode(bytes(range(256)) * 3_000),
        b64encode(b"\x78\x9c" * 300_000),
        b64encode(zlib.compress(bytes(100 << 20))),
        b64encode(b64encode(b64encode(b64encode(bytes(200_000))))),
    ],
    ids=["zeros", "bytes", "headers", "bomb", "layers"],
)
def test_a_long_text_that_looks_packed_stays_and_takes_a_moment(text: bytes) -> None:
    started = time.process_time()
    assert Secret(KEY).hide(text) is text
    assert time.process_time() - started < 5


def make_bombs(layers: list[str]) -> bytes:
    """Return so many packed megabytes that they fill one."""
    bomb = b64encode(zlib.compress(b"\x80" * 1_000_000, 9))
    return pack(b" , ".join([bomb] * (1_000_000 // len(bomb))).decode(), layers).encode()


@pytest.mark.parametrize("layers", [[], ["gzip", "Base64"]], ids=["in a row", "in another one"])
def test_many_texts_that_unpack_to_megabytes_take_a_moment_and_little_memory(layers: list[str]) -> None:
    bombs = make_bombs(layers)
    started = time.process_time()
    tracemalloc.start()
    assert Secret(KEY).hide(b'{"x": "' + bombs + b'"}') == b"[key]"
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000
    assert time.process_time() - started < 5


def test_long_values_without_the_key_stay_as_they_are() -> None:
    packed = [pack("no key, but as long as one, and as often packed", [name]) for name in AS_TEXT]
    body = envelope(
        {"id": "gen-1", "session_id": "0123456789abcdef" * 8, "x": packed, "y": "words of a sentence " * 20}
    )
    assert Secret(KEY).hide(body) is body


@given(st.binary(max_size=200) | st.text("\\%&#;xu0025amp41 \0", max_size=200).map(str.encode))
def test_a_text_without_the_key_is_left_as_it_is(text: bytes) -> None:
    hidden = Secret(KEY).hide(text)
    assert hidden in {text, b"[key]"}
    assert hidden == text or text.count(b"5") > 4, "only many layers of escapes are hidden unread"


@given(st.lists(st.sampled_from(["gen-1", "", "two words", "sk-or-", KEY, OTHER, OTHER.upper(), "\n".join(OTHER)])))
def test_a_list_of_texts_is_hidden_like_each_of_them(texts: list[str]) -> None:
    secret = Secret(KEY)

    assert list(hide_in_all(texts)) == [hide_api_keys(text) for text in texts]
    assert list(secret.hide_in_all(texts)) == [secret.hide_text(text) for text in texts]


def test_records_without_the_key_are_the_same_objects() -> None:
    secret = Secret(KEY)
    for record in sample(60).records.values():
        body = envelope(record | {"http_referer": "https://a.example/?a=1&amp;b=%2520c&d=\u00e9\\"})
        assert secret.hide(body) is body


@pytest.mark.parametrize("text", [b"\\" * 10**6 + b"u", b"%" + b"25" * 10**5, b"&" + b"amp;" * 10**5, b"%5cu0025" * 9])
def test_a_long_run_of_escapes_is_one_escape(text: bytes) -> None:
    assert Secret(KEY).hide(text) is text


def test_a_text_with_too_many_layers_is_hidden_as_a_whole() -> None:
    assert Secret(KEY).hide(b"%5cu0025" + b"5cu0025" * 10**4) == b"[key]"


BODIES: dict[str, Callable[[str, str], Says]] = {
    "record": lambda one, form: Says(
        200, envelope(record_of(one) | {"external_user": "@"}).replace(b"@", form.encode())
    ),
    "returned id": lambda _, form: Says(200, envelope(record_of("@")).replace(b"@", form.encode())),
    "error": lambda _, form: Says(400, f'{{"error":{{"message":"no {form}"}}}}'.encode()),
    "UTF-16": lambda one, form: Says(200, envelope(record_of(one) | {"user": form}).decode().encode("utf-16")),
    "UTF-32": lambda one, form: Says(200, envelope(record_of(one) | {"user": form}).decode().encode("utf-32-be")),
    "UTF-16 error": lambda _, form: Says(400, f'{{"error":{{"message":"{form}"}}}}'.encode("utf-16-le")),
}


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("body", BODIES)
def test_an_encoded_key_reaches_no_output(
    body: str, server: FaultServer, make_client: Callable[..., Client], tmp_path: Path
) -> None:
    escaped = KEY.replace("-", r"\u002d")
    server.otherwise = lambda one: BODIES[body](one, escaped)
    client, lines = make_client(), io.BytesIO()
    fetched = ga.fetch(make_ids(1), client=client, wait_s=0)
    fetch_verbatim(make_ids(1), lines, client=client, wait_s=0)
    shown = [fetched.frame.to_csv(), fetched.failures.to_csv(), lines.getvalue().decode()]
    files = [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    for text in [*shown, *files]:
        plain = text.replace(r"\u002d", "-").replace(r"\\u002d", "-").replace("\0", "").replace(r"\x00", "")
        assert KEY not in plain
    assert fetched.stats.outcomes == {"ok" if body == "record" else "mismatch" if "id" in body else "failed": 1}
    assert body in {"UTF-16", "UTF-32"} or any("[key]" in text for text in shown)


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("names", [["Base64", "Base64"], ["Base64", "hex"], ["gzip", "Base64"]], ids="-".join)
def test_a_packed_key_reaches_no_output(
    names: list[str], server: FaultServer, make_client: Callable[..., Client], tmp_path: Path
) -> None:
    packed, bodies = pack(KEY, names), list(BODIES.values())[:3]  # a record, another id, an error
    one, other, bad = make_ids(3)
    server.otherwise = lambda asked: dict(zip((one, other, bad), bodies, strict=True))[asked](asked, packed)
    client, lines = make_client(), io.BytesIO()
    fetched = ga.fetch([one, other, bad], client=client, wait_s=0)
    fetch_verbatim([one], lines, client=client, wait_s=0)
    files = [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    for text in (fetched.frame.to_csv(), fetched.failures.to_csv(), lines.getvalue().decode(), *files):
        assert packed.rstrip("=") not in text
    assert "[key]" in fetched.frame["external_user"][0]
    assert fetched.stats.outcomes == {"ok": 1, "mismatch": 1, "failed": 1}


@pytest.mark.parametrize("key", [KEY, OTHER])
@pytest.mark.parametrize(
    "form", ["{}", "{}x", "Bearer {}", "Bearer%20{}", "gen-1-{}", "x" * 300 + "{}", "{{'a': '{}'}}"]
)
def test_a_key_given_as_an_id_is_neither_sent_nor_shown(
    form: str, key: str, server: FaultServer, make_client: Callable[..., Client], tmp_path: Path
) -> None:
    fetched = ga.fetch([form.format(key), "gen-1", form.format(key.upper())], client=make_client())
    assert fetched.stats.outcomes["invalid"] == len(fetched.failures)
    assert list(server.asked) == ["gen-1"]
    assert "[key]" in fetched.failures["requested_id"][0]
    assert fetched.failures["message"][0] == "an API key is not an id: take it out of the list"
    files = [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(key[9:] in text.lower() for text in [fetched.failures.to_csv(), repr(fetched), *files])


def test_encodings_of_the_present_key_are_refused_as_ids(
    server: FaultServer, make_client: Callable[..., Client]
) -> None:
    fetched = ga.fetch([encode(KEY) for encode in ENCODINGS], client=make_client())
    assert set(fetched.stats.outcomes) == {"invalid"}
    assert set(fetched.failures["message"]) == {"an API key is not an id: take it out of the list"}
    assert server.requests == []


@pytest.mark.parametrize("arguments", [["ids", "keys.txt"], ["summary", "keys.txt"], [OTHER], ["ids", OTHER + ".txt"]])
def test_commands_do_not_print_a_key(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys.txt").write_text(f"gen-1\n{OTHER}\nBearer {OTHER}\n")
    cli.run(arguments)
    shown = capsys.readouterr()
    assert OTHER[:17] not in shown.out + shown.err


@pytest.mark.parametrize("key", [KEY, OTHER])
@pytest.mark.parametrize(
    "url", ["https://{}@host/v1", "https://host/v1?key={}", "https://host/v1#{}", "https://host/{}", "{}"]
)
def test_a_key_given_as_the_base_url_is_refused_and_not_shown(key: str, url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        Client(KEY, base_url=url.format(key), cache_dir=tmp_path)
    assert key not in str(raised.value)


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_a_key_given_as_the_account_is_refused_and_not_shown(key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="account contains an API key") as raised:
        Client(KEY, account=key, cache_dir=tmp_path)
    assert key not in str(raised.value)
