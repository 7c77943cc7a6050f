"""Where ids come from: whatever a caller holds, and files of every form that ids are kept in.

`reading` takes what a caller holds, `streams` opens and unpacks files, `texts` and `tables` find the ids in them.
"""

from genanalytics.sources.reading import Ids, names_a_file, read_ids

__all__ = ["Ids", "names_a_file", "read_ids"]
