"""From when the record of a row does not change any more."""

import pyarrow as pa
import pyarrow.compute

from genanalytics.ids.form import CREATED
from genanalytics.records.record import SETTLING_S

MICROSECONDS = 1_000_000


def find_final_at(rows: pa.Table) -> pa.Array:
    """Return the moment from which each row is final (microseconds of Unix time).

    If neither the id nor the record contains the time of the generation, it was before the first fetch.

    Args:
        rows: A table with the columns `requested_id`, `created_at` and `fetched_at`.
    """
    in_ids = pa.compute.struct_field(pa.compute.extract_regex(rows["requested_id"], pattern=CREATED), "created")
    created = pa.compute.multiply(in_ids.cast(pa.int64()), MICROSECONDS)
    recorded, fetched = (rows[name].cast(pa.int64()) for name in ("created_at", "fetched_at"))
    moments = pa.compute.coalesce(created, recorded, fetched)
    return pa.compute.add(moments, SETTLING_S * MICROSECONDS).combine_chunks()
