import pytest

from genanalytics.base.stores.address import Address, is_store_url, is_url, parse_url
from genanalytics.errors import InputError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://bucket/a/b/", Address("s3", "bucket", "a/b")),
        ("s3a://bucket/a", Address("s3", "bucket", "a")),
        ("S3://bucket", Address("s3", "bucket", "")),
        ("gs://bucket/a", Address("gs", "bucket", "a")),
        ("az://box/a", Address("az", "box", "a")),
        ("abfss://box@lake.dfs.core.windows.net/a", Address("az", "box", "a", "lake")),
    ],
)
def test_urls_of_stores_name_a_bucket_and_a_key(url: str, address: Address) -> None:
    assert is_store_url(url)
    assert parse_url(url) == address
    assert parse_url(str(address)) == address


def test_a_directory_is_no_url() -> None:
    assert not any(is_url(path) for path in ("s3", "a:b", "C:/data", "./s3://bucket", "/s3://bucket"))


@pytest.mark.parametrize("url", ["ftp://host/a", "hdfs://host/a", "s3://", "s3:///a", "s3:/bucket/a", "s3:bucket/a"])
def test_other_urls_are_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(InputError, match="s3://BUCKET/PATH"):
        parse_url(url)


@pytest.mark.parametrize("scheme", ["s3", "ftp", "az"])
@pytest.mark.parametrize(
    "rest", ["AKIA123:geheim@bucket/a", "AKIA123:ge/heim@bucket/a", "bucket/a?X-Amz-Credential=AKIA123&sig=geheim"]
)
def test_keys_in_a_url_are_refused_and_not_repeated(scheme: str, rest: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_url(f"{scheme}://{rest}")
    assert "AKIA123" not in str(raised.value)
    assert "heim" not in str(raised.value)


def test_a_question_mark_in_a_glob_is_no_key() -> None:
    assert parse_url("s3://bucket/day=2026-11-0?/a=b.parquet").key == "day=2026-11-0?/a=b.parquet"
