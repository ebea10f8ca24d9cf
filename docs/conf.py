"""Sphinx configuration."""

from sklearn_static import __version__

project = "sklearn-static"
author = "The sklearn-static developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "results/*"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-static {release}"
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_sidebars = {
    name: []
    for name in ("index", "why", "getting_started", "from_model2vec", "changelog")
}

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

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
}
