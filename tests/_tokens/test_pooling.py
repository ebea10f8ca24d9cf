"""pool: bags of tokens and a table to embeddings."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_static._tokens.bags import TokenBags
from sklearn_static._tokens.pooling import pool

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(50, 6)).astype(np.float32)
LENGTHS = np.array([0, 1, 7, 0, 300, 2, 0])
BAGS = TokenBags.from_lengths(
    RNG.integers(0, 50, LENGTHS.sum()).astype(np.int32), LENGTHS
)
WEIGHTS = RNG.uniform(0, 2, LENGTHS.sum()).astype(np.float32)


def plain_means(weights):
    """The weighted mean of each bag, in double precision."""
    out = np.zeros((len(LENGTHS), TABLE.shape[1]))
    for i, (start, stop) in enumerate(pairwise(BAGS.offsets)):
        if start < stop:
            rows = TABLE[BAGS.ids[start:stop]].astype(np.float64)
            out[i] = (rows * weights[start:stop, None]).mean(axis=0)
    return out


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_embeddings_are_means(weights):
    expected = plain_means(np.ones(len(WEIGHTS)) if weights is None else weights)
    actual = pool(BAGS, TABLE, weights=weights)
    assert actual.dtype == np.float32
    assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_normalized_embeddings_keep_their_direction_and_have_unit_length():
    means = plain_means(np.ones(len(WEIGHTS)))
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    embeddings = pool(BAGS, TABLE, normalize=True)
    assert_allclose(np.linalg.norm(embeddings, axis=1), LENGTHS > 0, atol=1e-6)
    assert_allclose(embeddings * lengths, means, atol=1e-6)


@pytest.mark.parametrize("normalize", [False, True])
def test_empty_bags_are_zeros(normalize):
    embeddings = pool(BAGS, TABLE, normalize=normalize)
    assert_array_equal(embeddings[LENGTHS == 0], 0)
    assert (embeddings[LENGTHS > 0] != 0).any(axis=1).all()


def test_a_token_counts_as_often_as_it_occurs():
    bags = TokenBags.from_lengths(np.array([1, 2, 1], np.int32), np.array([3]))
    assert_allclose(pool(bags, TABLE)[0], (2 * TABLE[1] + TABLE[2]) / 3, atol=1e-6)


def test_mean_divides_by_the_number_of_tokens_not_by_their_weights():
    bags = TokenBags.from_lengths(np.array([4, 5], np.int32), np.array([2]))
    weights = np.array([0.5, 0], np.float32)
    assert_allclose(pool(bags, TABLE, weights=weights)[0], TABLE[4] / 4, atol=1e-6)


def test_no_bags_give_no_rows():
    bags = TokenBags(np.empty(0, np.int32), np.zeros(1, np.int64))
    embeddings = pool(bags, TABLE, normalize=True)
    assert embeddings.shape == (0, 6)
    assert embeddings.dtype == np.float32


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 7, 8, 16, 31, 256])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_bag_alone_is_bitwise_as_among_others(n_dimensions, weighted):
    """Of numbers so unlike that another order of additions rounds otherwise."""
    rng = np.random.default_rng(n_dimensions)
    table = rng.normal(size=(200, n_dimensions)) * 10.0 ** rng.integers(-6, 6, (200, 1))
    table = table.astype(np.float32)
    lengths = np.array([*range(40), 63, 64, 65, 127, 128, 129, 1000, 1024, 1025, 3000])
    ids = rng.integers(0, 200, lengths.sum()).astype(np.int32)
    bags = TokenBags.from_lengths(ids, lengths)
    weights = rng.uniform(0, 2, len(ids)).astype(np.float32) if weighted else None
    together = pool(bags, table, weights=weights, normalize=True)
    for i, (start, stop) in enumerate(pairwise(bags.offsets)):
        one = TokenBags.from_lengths(ids[start:stop], lengths[i : i + 1])
        part = weights[start:stop] if weighted else None
        alone = pool(one, table, weights=part, normalize=True)
        assert alone.tobytes() == together[i].tobytes()


def test_zeros_of_either_sign_add_up_alike_alone_and_among_others():
    table = np.full((1, 2), -0.0, np.float32)
    ids = np.zeros(3, np.int32)
    together = pool(TokenBags.from_lengths(ids, np.array([1, 2])), table)
    alone = pool(TokenBags.from_lengths(ids[:1], np.array([1])), table)
    assert alone.tobytes() == together[0].tobytes()


@pytest.mark.parametrize("normalize", [False, True])
def test_embeddings_are_written_to_where_one_says(normalize):
    whole = np.full((len(BAGS.offsets) - 1, TABLE.shape[1] + 2), 7, np.float32)
    given = whole[:, 1:-1]
    returned = pool(BAGS, TABLE, normalize=normalize, out=given)
    assert np.shares_memory(returned, given)
    assert given.tobytes() == pool(BAGS, TABLE, normalize=normalize).tobytes()
    assert (whole[:, [0, -1]] == 7).all()
