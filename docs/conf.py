"""The site: the pages of this repository as they are, and a reference out of the docstrings. `dev.py site` builds it.

Sources are the Markdown pages and the notebooks where they lie, so that a link between them leads somewhere on a code
host and on the site alike. What only the site needs, its navigation, stands here.
"""

import re
from pathlib import Path

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from genanalytics import __version__

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")

project = "genanalytics"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]

root_doc = "README"
include_patterns = ["*.md", "data/*.md", "docs/**", "notebooks/*"]
exclude_patterns = [".*", "**/.*", "site"]
CONTENTS = {
    "README": ["docs/README", "notebooks/README", "docs/api/index", "CONTRIBUTING", "CHANGELOG"],
    "docs/README": re.findall(r"\]\((\S+)\.md\)", GUIDE),
    "notebooks/README": sorted(notebook.stem for notebook in ROOT.glob("notebooks/*.ipynb")),
}
"""What stands below a page in the navigation; a page that is in none is a warning, and so an error."""

myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks bring their outputs along

autodoc_preserve_defaults = True
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
default_role = "py:obj"  # single backticks of a docstring: a link where there is something of that name, else code
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    # what is not ours: to link it would take the inventories of other sites, and a network
    ("py:class", r"(collections\.abc|datetime|matplotlib|narwhals|os|pandas|pyarrow)\..*"),
    ("py:class", r"genanalytics\.metrics\.declare\.Limit"),  # aggregates have it, people do not write it
]

html_theme = "pydata_sphinx_theme"
html_title = "genanalytics"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}
html_copy_source = html_show_sourcelink = False
html_theme_options: dict[str, object] = {"footer_start": [], "footer_end": []}


def setup(app: Sphinx) -> None:
    """Connect what is defined here."""
    app.connect("source-read", add_contents)
    app.connect("source-read", lower_anchors)
    app.connect("missing-reference", link_name)
    app.connect("build-finished", add_index)


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Give a page its table of contents: in the navigation alone, for the page links to what is below it itself."""
    if page in CONTENTS:
        entries = "\n".join(CONTENTS[page])
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def lower_anchors(_app: Sphinx, page: str, source: list[str]) -> None:
    """Let links within a notebook lead to its headings: Jupyter keeps their capitals, and here they are small."""
    if page.startswith("notebooks/"):
        source[0] = re.sub(r"\]\(#[^)]+\)", lambda link: link[0].lower(), source[0])


def link_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    """Link a name that a docstring of any module has as people write it, such as `summarize` and `metrics.DEFAULT`."""
    if node["reftype"] != "obj":
        return None
    name = f"genanalytics.{node['reftarget']}"
    found: Element | None = env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, text)
    return found


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Let the README be what a server shows first."""
    home = app.outdir / "README.html"
    if error is None and home.exists():
        (app.outdir / "index.html").write_bytes(home.read_bytes())
