"""Sphinx configuration."""

import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

from sklearn_static import __version__

DOCS = Path(__file__).parent
BUILT = DOCS / "_build"
PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf8"))["project"]

sys.path.insert(0, str(DOCS / "_ext"))

from inventories import write_inventories  # noqa: E402
from pictures import draw_results, write_explanation  # noqa: E402

project = "sklearn-static"
author = "The sklearn-static developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = [
    "api_links",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "results/*"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-static {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_theme_options = {
    "logo": {
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "text": "sklearn-static",
    },
    "icon_links": [
        {
            "name": "Repository",
            "url": PROJECT["urls"]["Repository"],
            "icon": "fa-brands fa-github",
        }
    ],
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
# Pages without pages below them have nothing to show at the side.
html_sidebars = {
    name: []
    for name in (
        "index",
        "why",
        "results",
        "getting_started",
        "from_model2vec",
        "design",
        "changelog",
    )
}

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

intersphinx_mapping = write_inventories(BUILT / "inventories")

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

doctest_global_setup = """
import os
import shutil
import tempfile

_place = os.getcwd()
_scratch = tempfile.mkdtemp()
os.chdir(_scratch)
"""
doctest_global_cleanup = """
os.chdir(_place)
shutil.rmtree(_scratch)
"""

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[/\\]plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "show_memory": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "default_thumb_file": str(DOCS / "_static" / "logo.svg"),
    # Code links to the API, and the API to the examples that use it.
    "doc_module": ("sklearn_static",),
    "reference_url": {"sklearn_static": None},
    "backreferences_dir": "generated/backreferences",
}


def make_pictures(app: Sphinx) -> None:
    """Make what the front page shows."""
    draw_results(BUILT / "results.svg")
    write_explanation(BUILT / "explanation.html")


def setup(app: Sphinx) -> None:
    """Make pictures before pages are read."""
    app.connect("builder-inited", make_pictures)
