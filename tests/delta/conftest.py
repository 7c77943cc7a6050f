import pytest

pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'genanalytics[delta]'")
