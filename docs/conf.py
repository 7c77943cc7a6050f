"""The site: the pages of this repository, and a reference from the docstrings. `python3 dev.py site` builds it.

The sources are the Markdown pages and the notebooks in their own directories, so that a link between them works on a
code host and on the site. The navigation, which only the site needs, is in this file.
"""

import re
import sys
from pathlib import Path

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from genanalytics import __version__

sys.path.insert(0, str(Path(__file__).parent))
from sample_report import write_sample

ROOT = Path(__file__).parent.parent
SAMPLE = "sample-report.html"
PICTURE = re.compile(
    r'<picture>\s*<source [^>]*srcset="(?P<dark>[^"]+)"[^>]*>\s*'
    r'<img src="(?P<light>[^"]+)"(?: width="(?P<width>\d+)")? alt="(?P<alt>[^"]*)">\s*</picture>'
)
"""A picture with a dark form, as a code host shows it: by the scheme of the browser."""


def find_pages(page: str) -> list[str]:
    """Return the pages that a page links to."""
    return re.findall(r"\]\((\S+)\.md\)", (ROOT / f"{page}.md").read_text(encoding="utf-8"))


project = "genanalytics"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]

root_doc = "README"
include_patterns = ["*.md", "data/*.md", "docs/**", "notebooks/*"]
exclude_patterns = [".*", "**/.*", "site"]
CONTENTS = {
    "README": ["docs/README", "notebooks/README", "docs/api/index", "CONTRIBUTING", "CHANGELOG"],
    "docs/README": find_pages("docs/README"),
    "docs/decisions/README": find_pages("docs/decisions/README"),
    "notebooks/README": sorted(notebook.stem for notebook in ROOT.glob("notebooks/*.ipynb")),
}
"""The pages below a page in the navigation; a page that is in no list is a warning, and so an error."""

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks contain their outputs

autodoc_preserve_defaults = True
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
default_role = "py:obj"  # single backticks in a docstring: a link if the name exists, otherwise code
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    # names of other packages: a link needs the inventory of their site, and a network
    ("py:class", r"(collections\.abc|datetime|decimal|matplotlib|narwhals|os|pandas|pyarrow)\..*"),
    # inputs that the docstrings describe
    (
        "py:class",
        r"genanalytics\.(ids\.read\.Has(Id|Headers)|metrics\.engines\.source\.HasColumns|report\.write\.Framed)",
    ),
    ("py:class", r"pd\.DataFrame|HasColumns|Labels"),  # the parts of `Records | None`
    ("py:class", r"genanalytics\.(fetching\.secret\.Secret|plots\.saving\.ChartOptions|bill\.page\.Section)"),
    ("py:class", r"genanalytics\.tables\.(layout\.Column|style\.Style|charts\.Trends)"),
]

html_theme = "pydata_sphinx_theme"
html_title = "genanalytics"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}
html_copy_source = html_show_sourcelink = False
html_theme_options: dict[str, object] = {"footer_start": [], "footer_end": []}


def setup(app: Sphinx) -> None:
    """Connect the functions of this file to the events of a build."""
    app.connect("source-read", add_contents)
    app.connect("source-read", lower_anchors)
    app.connect("source-read", pair_pictures)
    app.connect("source-read", show_rest)
    app.connect("missing-reference", link_name)
    app.connect("build-finished", add_index)
    app.connect("build-finished", add_sample)


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add a table of contents to a page, only for the navigation: the page itself links to the pages below it."""
    if page in CONTENTS:
        entries = "\n".join(CONTENTS[page])
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def lower_anchors(_app: Sphinx, page: str, source: list[str]) -> None:
    """Make links within a notebook lower case, as its anchors are on the site; Jupyter keeps capital letters."""
    if page.startswith("notebooks/"):
        source[0] = re.sub(r"\]\(#[^)]+\)", lambda link: link[0].lower(), source[0])


def pair_pictures(_app: Sphinx, page: str, source: list[str]) -> None:
    """Make two images of each picture with a dark form: the theme shows one of them, by the choice of the reader."""
    if not page.startswith("notebooks/"):
        source[0] = PICTURE.sub(_pair, source[0])


def _pair(found: re.Match[str]) -> str:
    width = f" width={found['width']}px" if found["width"] else ""
    images = (f"![{found['alt']}]({found[scheme]}){{.only-{scheme}{width}}}" for scheme in ("light", "dark"))
    return "".join(images)


def show_rest(_app: Sphinx, page: str, source: list[str]) -> None:
    """Show what a page has for the site alone, in a comment: links to pages that the repository does not contain."""
    if not page.startswith("notebooks/"):
        source[0] = re.sub(r"<!-- site: (.+?) -->", r"\1", source[0], flags=re.DOTALL)


def link_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    """Link a name in a docstring that is written without the package, such as `summarize` and `metrics.DEFAULT`."""
    if node["reftype"] != "obj":
        return None
    name = f"genanalytics.{node['reftarget']}"
    found: Element | None = env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, text)
    return found


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Copy the README as the page that a server shows first."""
    home = app.outdir / "README.html"
    if error is None and home.exists():
        (app.outdir / "index.html").write_bytes(home.read_bytes())


def add_sample(app: Sphinx, error: Exception | None) -> None:
    """Add the report on the sample."""
    if error is None and app.builder.format == "html":
        write_sample(app.outdir / SAMPLE)
