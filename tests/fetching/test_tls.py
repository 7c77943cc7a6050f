"""Certificates, with real TLS on loopback."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

import genanalytics as ga
from genanalytics import Client
from genanalytics.errors import InputError
from support.faults import KEY, make_ids, record_of


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        [generation_id] = parse_qs(urlsplit(self.path).query)["id"]
        body = json.dumps({"data": record_of(generation_id)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def base_url(authority: trustme.CA) -> Iterator[str]:
    """Return the URL of a service whose certificate is for `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as service:
        service.daemon_threads = True
        service.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that refuses the certificate
        service.socket = context.wrap_socket(service.socket, server_side=True)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"https://localhost:{service.server_port}/api/v1"
        service.shutdown()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the certificates of the authority in the environment."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    return path


@pytest.mark.usefixtures("bundle")
def test_the_certificates_of_the_environment_count(base_url: str, tmp_path: Path) -> None:
    with Client(KEY, base_url=base_url, cache_dir=tmp_path / "cache", max_workers=4) as client:
        fetched = ga.fetch(make_ids(40), client=client)
    assert fetched.stats.outcomes == {"ok": 40}


def test_a_certificate_that_nobody_vouches_for_ends_the_run(base_url: str, tmp_path: Path) -> None:
    with Client(KEY, base_url=base_url, cache_dir=tmp_path / "cache") as client:
        fetched = ga.fetch(make_ids(40), client=client)
    assert fetched.stats.outcomes == {"skipped": 40}
    assert fetched.stats.requests <= 3
    [notice] = fetched.stats.notices
    assert "CERTIFICATE_VERIFY_FAILED" in notice
    assert "genanalytics doctor" in notice


@pytest.mark.usefixtures("bundle")
def test_the_host_name_counts(base_url: str, tmp_path: Path) -> None:
    address = base_url.replace("localhost", "127.0.0.1")
    with Client(KEY, base_url=address, cache_dir=tmp_path / "cache") as client:
        fetched = ga.fetch(make_ids(40), client=client)
    assert fetched.stats.outcomes == {"skipped": 40}


def test_certificates_that_cannot_be_read_are_an_error(bundle: Path, base_url: str, tmp_path: Path) -> None:
    bundle.write_text("no certificates")
    with pytest.raises(InputError, match=r"certificates '.*authority.pem' cannot be read .*: check REQUESTS_CA_BUNDLE"):
        Client(KEY, base_url=base_url, cache_dir=tmp_path / "cache")


@pytest.mark.usefixtures("bundle")
def test_certificates_are_loaded_once(base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class Context(ssl.SSLContext):
        def load_verify_locations(self, *args: object, **options: object) -> None:
            loaded.append(args)
            super().load_verify_locations(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("urllib3.util.ssl_.SSLContext", Context)
    with Client(KEY, base_url=base_url, cache_dir=tmp_path / "cache", max_workers=8) as client:
        assert ga.fetch(make_ids(100), client=client).stats.outcomes == {"ok": 100}
    assert len(loaded) == 1
