import sys
from types import SimpleNamespace

import pytest

from genanalytics.fetching.progress import is_in_notebook


def test_a_notebook_is_a_kernel_of_jupyter_or_a_cell_of_marimo(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(ipython: object = None, marimo: object = None) -> bool:
        for name, module in (("IPython", ipython), ("marimo", marimo)):
            monkeypatch.setitem(sys.modules, name, module)
        return is_in_notebook()

    assert not loaded()
    assert not loaded(ipython=SimpleNamespace(get_ipython=lambda: None))
    assert not loaded(ipython=SimpleNamespace(get_ipython=SimpleNamespace))  # IPython in a terminal
    assert loaded(ipython=SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=...)))
    assert loaded(marimo=SimpleNamespace(running_in_notebook=lambda: True))
    assert not loaded(marimo=SimpleNamespace(running_in_notebook=lambda: False))
