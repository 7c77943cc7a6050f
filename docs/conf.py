"""The site: the pages of this repository as they are, and an API reference out of the docstrings; built by `dev.py site`.

Sources are the Markdown pages and the notebooks where they lie, so that the links between them lead somewhere on a code
host and on the site alike. What only the site needs, the tables of contents, stands here.
"""

from pathlib import Path

from sphinx.application import Sphinx

from genanalytics import __version__

ROOT = Path(__file__).parent.parent

project = "genanalytics"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
include_patterns = ["*.md", "data/*.md", "docs/**", "notebooks/*"]
exclude_patterns = [".*", "**/.ipynb_checkpoints", "site", "tests"]
root_doc = "README"

CONTENTS = {
    "README": ["docs/README", "notebooks/README", "docs/api/index", "CONTRIBUTING", "CHANGELOG"],
    "docs/README": """start ids fetching cache activity metrics gallery export focus scale reliability cli /data/README design
        """.split(),
    "notebooks/README": sorted(notebook.stem for notebook in ROOT.glob("notebooks/*.ipynb")),
}
"""What stands below a page in the navigation."""

default_role = "py:obj"  # single backticks of a docstring: a link where there is something of that name, else code
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    # what is not ours: to link it would take the inventories of other sites, and a network
    ("py:class", r"(collections\.abc|datetime|matplotlib|narwhals|os|pandas|pyarrow)\..*"),
    ("py:class", r"genanalytics\.metrics\.declare\.Limit"),  # aggregates have it, people do not write it
]
myst_heading_anchors = 3
nb_execution_mode = "off"

html_theme = "pydata_sphinx_theme"
html_title = "genanalytics"


def setup(app: Sphinx) -> None:
    """Connect what is defined here."""
    app.connect("source-read", add_contents)


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Give a page its table of contents: in the navigation alone, for the page links to what is below it itself."""
    if page in CONTENTS:
        entries = "\n".join(CONTENTS[page])
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
