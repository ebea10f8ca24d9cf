"""Graphs of ONNX operators, and bags in them; needs onnx.

Bags are those of :class:`TokenBags`: all ids in one array, and offsets. A loop sums one
text after the other. ScatterElements would sum all at once, but ONNX does not define
the order, and runtimes whose threads add without a lock lose summands. Padding texts to
the length of the longest would take memory for all of them at that length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper
from onnx.numpy_helper import from_array

__all__ = [
    "END",
    "Bags",
    "Graph",
    "first",
    "kept",
    "lengths",
    "places",
    "some",
    "summed",
    "tally",
    "trues",
    "whole",
]

END = np.iinfo(np.int64).max
"""The end of a slice that reaches to the end of the axis."""
# protobuf's limit is 2 to the 31 bytes, some of which names and nodes take.
_MOST_BYTES = 2_000_000_000


class Graph:
    """The nodes and constants of a graph; a call adds a node.

    Parameters
    ----------
    prefix : str, default=""
        The prefix of names, which distinguishes them from those of outer graphs.
    n_bytes : int, default=0
        The size of the constants of outer graphs.

    Attributes
    ----------
    n_bytes : int
        The size of all constants.
    """

    def __init__(self, prefix: str = "", n_bytes: int = 0) -> None:
        self.n_bytes = n_bytes
        self._prefix = prefix
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def __call__(
        self,
        operator: str,
        *inputs: str | np.ndarray | np.generic,
        name: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node.

        Parameters
        ----------
        operator : str
        *inputs : str, ndarray or numpy scalar
            Names of other nodes' outputs, and constants.
        name : str, default=""
            The name of the output; empty for a generated one.
        **attributes : object
            Attributes of the operator.

        Returns
        -------
        output : str
            Its name.

        Raises
        ------
        ValueError
            If the constants are larger than a file can be.
        """
        output = name or f"{self._prefix}{operator}_{len(self._nodes)}"
        names = [x if isinstance(x, str) else self._constant(x) for x in inputs]
        node = helper.make_node(operator, names, [output], **attributes)
        self._nodes.append(node)
        return output

    def loop(
        self, n_rounds: str, body: Callable[[Graph, str], str], n_columns: int
    ) -> str:
        """Add a loop whose iterations each compute a row of the output.

        Parameters
        ----------
        n_rounds : str
            An int64 without dimensions.
        body : callable
            From the graph of an iteration and its number to its row, float32.
        n_columns : int
        """
        place = f"{self._prefix}loop_{len(self._nodes)}_"
        inner = Graph(place, self.n_bytes)
        number, goes_on = f"{place}round", f"{place}goes_on"
        output = body(inner, number)
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(goes_on, TensorProto.BOOL, []),
        ]
        outputs = [
            helper.make_tensor_value_info(
                inner("Identity", goes_on), TensorProto.BOOL, []
            ),
            helper.make_tensor_value_info(output, TensorProto.FLOAT, [n_columns]),
        ]
        self.n_bytes = inner.n_bytes
        body_proto = inner.proto("body", inputs, outputs)
        return self("Loop", n_rounds, np.array(True), body=body_proto)

    def proto(
        self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]
    ) -> GraphProto:
        """The graph between `inputs` and `outputs`."""
        return helper.make_graph(self._nodes, name, inputs, outputs, self._constants)

    def _constant(self, array: np.ndarray | np.generic) -> str:
        self.n_bytes += array.nbytes
        if self.n_bytes > _MOST_BYTES:
            raise ValueError(
                f"The model takes {self.n_bytes / 1e9:.1f} GB or more, but an ONNX "
                f"file holds {_MOST_BYTES / 1e9:.0f} GB at most. Make it smaller "
                "first, with the method compress."
            )
        name = f"{self._prefix}constant_{len(self._constants)}"
        self._constants.append(from_array(np.asarray(array, order="C"), name))
        return name


class Bags(NamedTuple):
    """Bags in a graph, by the names of their arrays.

    Attributes
    ----------
    ids : str
        Of shape (n_ids,), int64.
    offsets : str
        Of shape (n_texts + 1,), int64.
    """

    ids: str
    offsets: str


def whole(value: int) -> np.ndarray:
    """A constant without dimensions, int64."""
    return np.array(value, np.int64)


def some(*values: int) -> np.ndarray:
    """A constant of one dimension, int64."""
    return np.array(values, np.int64)


def trues(graph: Graph, mask: str) -> str:
    """Where the booleans `mask` of one dimension are true, of shape (n_true,)."""
    return graph("Gather", graph("NonZero", mask), whole(0))


def tally(graph: Graph, numbers: str) -> str:
    """The sums of all integers or booleans before each, and of all."""
    numbers = graph("Cast", numbers, to=TensorProto.INT64)
    sums = graph("CumSum", numbers, whole(0))
    return graph("Concat", some(0), sums, axis=0)


def lengths(graph: Graph, bags: Bags) -> str:
    """The number of ids of each text, of shape (n_texts,)."""
    return graph("Sub", _ends(graph, bags), _starts(graph, bags))


def first(graph: Graph, bags: Bags, n_most: int) -> Bags:
    """The first `n_most` ids of each text."""
    n_ids = graph("Min", lengths(graph, bags), whole(n_most))
    text, place = _texts_and_places(graph, n_ids)
    numbers = graph("Add", graph("Gather", _starts(graph, bags), text), place)
    return Bags(graph("Gather", bags.ids, numbers), tally(graph, n_ids))


def kept(graph: Graph, bags: Bags, keep: str) -> Bags:
    """Only the ids for which the booleans `keep` are true."""
    ids = graph("Compress", bags.ids, keep, axis=0)
    return Bags(ids, graph("Gather", tally(graph, keep), bags.offsets))


def places(graph: Graph, bags: Bags) -> str:
    """The place of each id in its text, of shape (n_ids,)."""
    _, place = _texts_and_places(graph, lengths(graph, bags))
    return place


def summed(
    graph: Graph, bags: Bags, rows: Callable[[Graph, str], str], n_columns: int
) -> str:
    """The sums over texts, of shape (n_texts, n_columns), float32.

    Parameters
    ----------
    graph : Graph
    bags : Bags
    rows : callable
        From a graph and ids to their rows, float32.
    n_columns : int
        The length of a row.
    """
    # A row of zeros, since not all runtimes can sum over no rows.
    nothing = np.zeros((1, n_columns), np.float32)

    # The rows are looked up within the loop: those of all tokens at once would take
    # n_dimensions floats for each token of all texts.
    def sum_of_one(body: Graph, number: str) -> str:
        ends = [number, body("Add", number, whole(1))]
        bounds = [
            body("Gather", bags.offsets, body("Unsqueeze", end, some(0)))
            for end in ends
        ]
        ids = body("Slice", bags.ids, *bounds)
        summands = body("Concat", rows(body, ids), nothing, axis=0)
        return body("ReduceSum", summands, some(0), keepdims=0)

    n_texts = graph("Squeeze", graph("Shape", _starts(graph, bags)))
    return graph.loop(n_texts, sum_of_one, n_columns)


def _starts(graph: Graph, bags: Bags) -> str:
    return graph("Slice", bags.offsets, some(0), some(-1))


def _ends(graph: Graph, bags: Bags) -> str:
    return graph("Slice", bags.offsets, some(1), some(END))


def _texts_and_places(graph: Graph, n_ids: str) -> list[str]:
    """The text of each id, and its place there, for texts of `n_ids` each."""
    # A zero, since not all runtimes have a maximum over no lengths.
    # A mask of (n_texts, longest), whose true places in order are all texts' ids: it
    # takes a byte per place, where padding ids would take eight.
    longest = graph("ReduceMax", graph("Concat", n_ids, some(0), axis=0), keepdims=0)
    columns = graph("Range", whole(0), longest, whole(1))
    is_there = graph("Less", columns, graph("Unsqueeze", n_ids, some(1)))
    both = graph("NonZero", is_there)
    return [graph("Gather", both, whole(i)) for i in (0, 1)]
