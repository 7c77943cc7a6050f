"""Files that hold ids, in every form in which people have them."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

IDS = [f"gen-17560000{number:02}-AbCdEfGhIjKlMnOpQr{number:02}" for number in range(40)]
A, B, C = IDS[:3]
CAT = shutil.which("cat") or "cat"
TABLE = pa.table({"n": range(40), "model": ["a/b"] * 40, "ref": IDS, "note": ["see x"] * 40})


def text_list(path: Path) -> None:
    path.write_text("# harvested\n\n" + "".join(f"{generation_id}  # ok\n" for generation_id in IDS))


def log(path: Path) -> None:
    path.write_text("".join(f"2026-08-24 INFO done id={generation_id}&x=1 in 5 ms\n" for generation_id in IDS))


def csv_file(path: Path) -> None:
    rows = [f'{number},"a ""b"", c\nd",{generation_id},0.5' for number, generation_id in enumerate(IDS)]
    path.write_text("\n".join(["n,text,ref,cost", *rows]))


def csv_of_a_spreadsheet(path: Path) -> None:
    rows = [f"a;{generation_id};0,5" for generation_id in IDS]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(["model;ref;cost", *rows, ""]).encode())


def csv_of_an_indexed_frame(path: Path) -> None:
    TABLE.to_pandas().to_csv(path)


def csv_of_one_column(path: Path) -> None:
    TABLE.select(["ref"]).rename_columns(["Generation_ID"]).to_pandas().to_csv(path, index=False)


def csv_without_a_header(path: Path) -> None:
    path.write_text("".join(f"2026-08-24,{generation_id},x\n" for generation_id in IDS))


def tsv_file(path: Path) -> None:
    path.write_text("model\tref\n" + "".join(f"a b\t{generation_id}\n" for generation_id in IDS))


def json_lines(path: Path) -> None:
    path.write_text("".join(json.dumps({"id": generation_id, "choices": []}) + "\n" for generation_id in IDS))


def json_in_one_line(path: Path) -> None:
    path.write_text(json.dumps({"resourceSpans": [{"attributes": {"gen_ai.response.id": one}} for one in IDS]}))


def json_in_json(path: Path) -> None:
    path.write_text(json.dumps([{"body": json.dumps({"text": f"\n{one}\n"})} for one in IDS], indent=2))


def events(path: Path) -> None:
    path.write_text(
        "".join(f'data: {{"id":"{one}","object":"chat.completion.chunk","choices":[]}}\n\n' for one in IDS)
        + ": OPENROUTER PROCESSING\n\ndata: [DONE]\n"
    )


def utf_16_log(path: Path) -> None:
    path.write_text("".join(f"fertig: {generation_id}, größer\n" for generation_id in IDS), encoding="utf-16")


def latin_1_log(path: Path) -> None:
    path.write_bytes("".join(f"d\xe9j\xe0 vu {generation_id}\n" for generation_id in IDS).encode("latin-1"))


def parquet_file(path: Path) -> None:
    pq.write_table(TABLE, path, row_group_size=7)


def nested_parquet_file(path: Path) -> None:
    data = pa.array([{"id": generation_id, "usage": {"cost": 0.5}} for generation_id in IDS])
    pq.write_table(pa.table({"data": data, "tags": [["x"]] * 40}), path)


def parquet_file_of_categories(path: Path) -> None:
    pq.write_table(pa.table({"ref": pa.array(IDS).dictionary_encode()}), path)


def parquet_file_of_bodies(path: Path) -> None:
    bodies = [json.dumps({"data": {"id": generation_id}}).encode() for generation_id in IDS]
    pq.write_table(pa.table({"when": ["now"] * 40, "body": pa.array(bodies, pa.binary())}), path)


def arrow_file(path: Path) -> None:
    pa.feather.write_feather(TABLE, str(path), compression="zstd", chunksize=9)


def arrow_stream(path: Path) -> None:
    with pa.ipc.new_stream(path, TABLE.schema) as stream:
        stream.write_table(TABLE, max_chunksize=9)


def sqlite_file(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute('CREATE TABLE "spend; logs" (n INTEGER, model TEXT, "the ""ref""" TEXT)')
    database.executemany(
        'INSERT INTO "spend; logs" VALUES (1, ?, ?)', [("a/b", generation_id) for generation_id in IDS]
    )
    database.execute("CREATE TABLE settings (name TEXT, value TEXT)")
    database.execute("INSERT INTO settings VALUES ('theme', 'dark')")
    database.commit()
    database.close()


def sqlite_file_of_messages(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE messages (data BLOB)")
    database.executemany("INSERT INTO messages VALUES (?)", [(json.dumps({"id": one}).encode(),) for one in IDS])
    database.commit()
    database.close()


PLAIN: list[Callable[[Path], None]] = [
    text_list, log, csv_file, csv_of_a_spreadsheet, csv_of_an_indexed_frame, csv_of_one_column, csv_without_a_header,
    tsv_file, json_lines, json_in_one_line, json_in_json, events, utf_16_log, latin_1_log, parquet_file,
    nested_parquet_file, parquet_file_of_categories, parquet_file_of_bodies, arrow_file, arrow_stream, sqlite_file,
    sqlite_file_of_messages,
]  # fmt: skip


def packed(content: bytes, way: str) -> bytes:
    match way:
        case "gzip":
            return gzip.compress(content[:50], mtime=0) + gzip.compress(content[50:], mtime=0)
        case "zstd":
            return b"".join(pa.compress(part, codec="zstd", asbytes=True) for part in (content[:50], content[50:]))
    return content
