from pathlib import Path

import pytest

from genanalytics.base.stores.address import parse_url
from genanalytics.base.stores.profile import read_profile
from genanalytics.base.stores.store import allows_http, find_options
from genanalytics.errors import InputError

CONFIG = """
[default]
region = eu-central-1

[profile work]
region = eu-west-1
services = local

[profile login]
sso_session = company

[services local]
s3 =
  endpoint_url = http://127.0.0.1:9000
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = secret-of-default

[work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = secret-of-work
aws_session_token = token-of-work
"""
S3 = parse_url("s3://bucket/a")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose home has both files."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    (tmp_path / ".aws" / "credentials").write_text(CREDENTIALS)
    return {"HOME": str(tmp_path)}


def test_a_profile_has_keys_a_region_and_an_endpoint(home: dict[str, str]) -> None:
    found = find_options(S3, home | {"AWS_PROFILE": "work"})
    assert found == {
        "aws_access_key_id": "AKIAWORK",
        "aws_secret_access_key": "secret-of-work",
        "aws_session_token": "token-of-work",
        "aws_region": "eu-west-1",
        "aws_endpoint": "http://127.0.0.1:9000",
    }
    assert allows_http(found, {})


def test_without_a_choice_the_default_profile_is_used(home: dict[str, str]) -> None:
    found = find_options(S3, home)
    assert (found["aws_access_key_id"], found["aws_region"]) == ("AKIADEFAULT", "eu-central-1")
    assert not allows_http(found, {})


def test_the_environment_has_priority(home: dict[str, str]) -> None:
    found = find_options(
        S3,
        home
        | {
            "AWS_PROFILE": "work",
            "AWS_ACCESS_KEY_ID": "AKIAENV",
            "AWS_SECRET_ACCESS_KEY": "geheim",
            "AWS_REGION": "us-west-2",
            "AWS_ENDPOINT_URL": "https://all.example",
            "AWS_ENDPOINT_URL_S3": "https://s3.example",
        },
    )
    assert found == {"aws_region": "us-west-2", "aws_endpoint": "https://s3.example"}


def test_files_can_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("[default]\naws_access_key_id = AKIAELSEWHERE\n")
    environment = {"HOME": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "elsewhere")}
    assert read_profile(environment).settings["aws_access_key_id"] == "AKIAELSEWHERE"


def test_an_unknown_profile_is_named(home: dict[str, str]) -> None:
    with pytest.raises(InputError, match="no profile 'wrk'"):
        find_options(S3, home | {"AWS_PROFILE": "wrk"})


def test_a_login_is_sent_to_the_environment(home: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"'login' come from a role, a login or a program.*export-credentials"):
        find_options(S3, home | {"AWS_PROFILE": "login"})


def test_a_damaged_file_is_named_and_not_quoted(home: dict[str, str]) -> None:
    Path(home["HOME"], ".aws", "credentials").write_text("aws_secret_access_key = geheim\n")
    with pytest.raises(InputError, match="credentials: it is no file of the AWS command line") as raised:
        find_options(S3, home)
    assert "geheim" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_no_credentials_at_all_are_told_before_a_request() -> None:
    with pytest.raises(InputError, match="there are no credentials for S3: set AWS_ACCESS_KEY_ID"):
        find_options(S3, {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"})
    public = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", "AWS_SKIP_SIGNATURE": "true"}
    assert find_options(S3, public) == {"aws_region": "us-east-1"}


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "me:geheim@host", "htp://host", "http://", "http://a host"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    with pytest.raises(InputError, match=r"is no URL: set AWS_ENDPOINT_URL to one such as http://") as raised:
        find_options(S3, {"HOME": "/nonexistent", "AWS_SKIP_SIGNATURE": "true", "AWS_ENDPOINT_URL": endpoint})
    assert "geheim" not in str(raised.value)


def test_a_key_without_its_secret_is_refused() -> None:
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY: set both"):
        find_options(S3, {"HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "a"})


def test_a_profile_shows_no_secret(home: dict[str, str]) -> None:
    assert "secret" not in repr(read_profile(home | {"AWS_PROFILE": "work"}))
