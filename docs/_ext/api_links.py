"""Links from inline code to the API reference.

In the guide, inline code that is the name of something public is a link to it, such as
``StaticClassifier``, ``to_pipeline()``, ``init="random"`` or ``GridSearchCV``. A page
says in its front matter whose members it is about::

    ---
    api: StaticRegressor StaticLinearRegressor
    ---

With ``links: not in first columns``, the first columns of tables, which may hold names
of another library, are left alone.
"""

import re
from typing import Any

from docutils import nodes
from inventories import objects
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

USUAL = (
    "StaticLinearClassifier",
    "StaticClassifier",
    "StaticLinearRegressor",
    "StaticRegressor",
    "StaticPipeline",
    "StaticEmbedding",
)
"""Whose members inline code may name on every page, the first that has it first."""

INSTANCES = {"classifier", "regressor", "estimator", "embedding", "pipeline"}
NAME = re.compile(r"([A-Za-z_][\w.]*)(\(.*\)|=.+)?", re.DOTALL)

WORD = re.compile(r"(\b[\w.]*\w)")


def note_parameters(app: Sphinx, doctree: nodes.document) -> None:
    """Make the parameters and attributes of documented objects targets of links."""
    domain = app.env.domains.python_domain
    for described in doctree.findall(addnodes.desc):
        signature, content = described[0], described[-1]
        if described["domain"] != "py" or not signature["ids"]:
            continue
        (owner, *_) = signature["ids"]
        for term in terms_of(content):
            for name in re.findall(r"\w+", term[0].astext()):
                target = f"{owner}.{name}"
                if target not in domain.objects:
                    term["ids"].append(target)
                    domain.note_object(target, "attribute", target, location=term)


def terms_of(content: nodes.Element) -> list[nodes.term]:
    """Return the terms below the headings "Parameters" and "Attributes"."""
    return [
        term
        for fields in content.children
        if isinstance(fields, nodes.field_list)
        for field in fields
        if field[0].astext() in ("Parameters", "Attributes")
        for term in field[1].findall(nodes.term)
    ]


class ApiLinks(SphinxPostTransform):
    """Make references of inline code that is a public name."""

    default_priority = 5  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        docname = self.env.docname
        if docname.startswith("auto_examples/"):
            return
        metadata = self.env.metadata[docname]
        _, generated, own = docname.rpartition("generated/sklearn_static.")
        self.first = [own] if generated else metadata.get("api", "").split()
        for kind in (nodes.literal, nodes.title_reference) if own else (nodes.literal,):
            for node in list(self.document.findall(kind)):
                self.link(node, skips_column="links" in metadata)

        for node in list(self.document.findall(nodes.classifier)):
            self.link_words(node)

    def link_words(self, node: nodes.classifier) -> None:
        """Put references around the classes in the type of a parameter."""
        children = []
        for word in WORD.split(node.astext()):
            target = self.object_of(word)
            text = nodes.Text(word)
            children.append(text if target is None else self.reference(target, text))
        node.children = []
        node.extend(children)

    def link(self, node: nodes.Element, skips_column: bool) -> None:
        """Put a reference around the node if it names something."""
        if is_linked(node) or (skips_column and is_in_first_column(node)):
            return
        target = self.target_of(node.astext())
        if target is not None:
            node.replace_self(self.reference(target, node.deepcopy()))

    def reference(self, target: str, shown: nodes.Node) -> addnodes.pending_xref:
        """Return a reference that is not resolved yet."""
        return addnodes.pending_xref(
            "",
            shown,
            refdomain="py",
            refdoc=self.env.docname,
            refexplicit=True,
            reftarget=target,
            reftype="obj",
        )

    def target_of(self, text: str) -> str | None:
        """Return the full name of what the text names, if there is such a thing."""
        match = NAME.fullmatch(text)
        if match is None:
            return None
        name, rest = match.group(1).removeprefix("sklearn_static."), match.group(2)
        if rest is None or rest[0] != "=":
            known = self.object_of(name)
            if known is not None:
                return known
        before, _, last = name.rpartition(".")
        if before and before not in INSTANCES:
            return None
        members = (f"{owner}.{last}" for owner in [*self.first, *USUAL])
        return next(filter(None, map(self.own, members)), None)

    def object_of(self, name: str) -> str | None:
        """Return the full name of a class, a function or a member of a class."""
        return self.own(name) or objects().get(name)

    def own(self, name: str) -> str | None:
        """Return the full name of something in this package."""
        known = self.env.domains.python_domain.objects
        places = ("", "displays.", "explanation.", "head.", "nn.")
        candidates = (f"sklearn_static.{place}{name}" for place in places)
        return next((each for each in candidates if each in known), None)


def is_linked(node: nodes.Element) -> bool:
    """Whether the node is in a link or a heading."""
    kinds = nodes.reference | addnodes.pending_xref | nodes.title | addnodes.desc_name
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def is_in_first_column(node: nodes.Element) -> bool:
    """Whether the node is in the first cell of a table's row."""
    while node is not None and not isinstance(node, nodes.entry):
        node = node.parent
    return node is not None and node.parent[0] is node


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what is above."""
    app.connect("doctree-read", note_parameters)
    app.add_post_transform(ApiLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
