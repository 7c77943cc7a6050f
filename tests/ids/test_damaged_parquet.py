"""A damaged or hostile Parquet file ends in one sentence, or its ids are read: no traceback, no dead process."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from genanalytics.errors import InputError
from genanalytics.ids.read import read_ids
from support.id_files import IDS

READ_WITH_EACH_BYTE_CHANGED = """
import sys
from pathlib import Path
from genanalytics.errors import InputError
from genanalytics.ids.read import read_ids

path = Path(sys.argv[1])
whole = path.read_bytes()
counts = {"read": 0, "refused": 0}
for place in range(4, len(whole) - 8):
    for byte in {255, whole[place] ^ 1} - {whole[place]}:
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        try:
            list(read_ids(path))
        except InputError:
            counts["refused"] += 1
        else:
            counts["read"] += 1
print(*counts.values())
"""
FEW = pa.table({"ref": IDS[:2]})


@pytest.mark.parametrize(
    "options",
    [
        {"data_page_version": "1.0"},
        {"data_page_version": "2.0", "use_dictionary": False, "column_encoding": {"ref": "DELTA_BYTE_ARRAY"}},
    ],
    ids=["dictionary", "delta"],
)
def test_a_changed_byte_anywhere_ends_in_a_sentence_or_is_read(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "calls.parquet"
    pq.write_table(FEW, path, compression="none", store_schema=False, **options)
    done = subprocess.run(
        [sys.executable, "-c", READ_WITH_EACH_BYTE_CHANGED, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    read, refused = map(int, done.stdout.split())
    assert read + refused > 700
    assert refused > 100


class KeysInPlainText(pe.KmsClient):  # type: ignore[misc]
    """A service of keys that hides nothing."""

    def wrap_key(self, key: bytes, name: str) -> bytes:  # noqa: ARG002 - as pyarrow calls it
        return key

    def unwrap_key(self, wrapped: bytes, name: str) -> bytes:  # noqa: ARG002
        return wrapped


def test_an_encrypted_file_is_called_so(tmp_path: Path) -> None:
    factory = pe.CryptoFactory(lambda _: KeysInPlainText())
    configuration = pe.EncryptionConfiguration(footer_key="one", column_keys={"two": ["ref"]}, plaintext_footer=True)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    path = tmp_path / "calls.parquet"
    with pq.ParquetWriter(path, FEW.schema, encryption_properties=properties) as writer:
        writer.write_table(FEW)
    with pytest.raises(InputError, match=f"cannot read {path}: it is encrypted: decrypt it first"):
        list(read_ids(path))


def to_varint(number: int, length: int) -> bytes:
    """Return a signed number as Thrift writes it, in this many bytes."""
    sevens = [(number << 1 >> 7 * place) & 127 for place in range(length)]
    return bytes([*(seven | 128 for seven in sevens[:-1]), sevens[-1]])


@pytest.mark.parametrize(("share", "missing"), [(0, "2,000"), (0.5, r"[1-9]\d\d")])
def test_a_footer_that_hides_pages_is_refused(tmp_path: Path, share: float, missing: str) -> None:
    path = tmp_path / "calls.parquet"
    ids = [f"{IDS[0][:-4]}{number:04d}" for number in range(2_000)]
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False, "store_schema": False}
    pq.write_table(pa.table({"ref": ids}), path, data_page_size=4096, **options)
    size = pq.read_metadata(path).row_group(0).column(0).total_compressed_size
    # its field (7) follows that of the unpacked size (6), which is the same
    before, whole = b"\x16" + to_varint(size, 3), path.read_bytes()
    assert whole.count(before * 2) == 1
    path.write_bytes(whole.replace(before * 2, before + b"\x16" + to_varint(int(size * share), 3)))
    with pytest.raises(InputError, match=f"its footer is damaged: {missing} values of a column are in no page"):
        list(read_ids(path))
