"""Keep pytest from importing the files of this folder: `tests/project/test_typing.py` has them checked."""

collect_ignore_glob = ["*.py"]
