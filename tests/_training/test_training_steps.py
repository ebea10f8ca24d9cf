"""What a step of training computes is what torch computes in its own way."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional
from toys import run_program

from sklearn_static._tokens.bags import TokenBags
from sklearn_static._training.batches import BagDataset
from sklearn_static._training.module import StaticModule, mean_embedding
from sklearn_static._training.optimizer import RowAdam

N_ROWS, N_DIMENSIONS = 30, 8


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_bags(lengths, seed=0):
    n_ids = sum(lengths)
    ids = torch.randint(N_ROWS, (n_ids,), generator=generator(seed), dtype=torch.int32)
    offsets = torch.tensor([0, *lengths[:-1]]).cumsum(0).int()
    return ids, offsets, torch.rand(n_ids, generator=generator(seed))


def table(seed=0):
    return torch.randn(N_ROWS, N_DIMENSIONS, generator=generator(seed))


# The gradient of a mean


@pytest.mark.parametrize("lengths", [[1], [3, 0, 5], [0, 0], [40, 1, 0, 7], [0, 2, 2]])
@pytest.mark.parametrize("normalize", [False, True])
def test_gradients_are_those_of_torch(lengths, normalize):
    module = StaticModule(table(), torch.nn.Identity(), normalize=normalize)
    ids, offsets, share = random_bags(lengths)
    share.requires_grad_()
    upstream = torch.randn(len(lengths), N_DIMENSIONS, generator=generator())
    encoded = mean_embedding(module, ids, offsets, share)
    of_table, of_share = torch.autograd.grad(encoded, [module.table, share], upstream)
    assert of_table.is_sparse
    assert of_table.is_coalesced()
    sums = functional.embedding_bag(
        ids, module.table, offsets, mode="sum", per_sample_weights=share
    )
    sums = functional.normalize(sums) if normalize else sums
    expected = torch.autograd.grad(sums, [module.table, share], upstream)
    assert_allclose(of_table.to_dense(), expected[0], rtol=1e-5, atol=1e-6)
    assert_allclose(of_share, expected[1], rtol=1e-5, atol=1e-5)
    assert of_table.indices()[0].tolist() == sorted(set(ids.tolist()))


def test_a_frozen_table_has_no_gradient():
    module = StaticModule(
        table(), torch.nn.Identity(), normalize=True, freeze_embedding=True
    )
    ids, offsets, share = random_bags([3, 2])
    assert not mean_embedding(module, ids, offsets, share).requires_grad


# The optimizer


def trained(make_optimizer, gradients, **settings):
    """Two parameters after some steps along given gradients."""
    parameters = [table(1).requires_grad_(), table(2).requires_grad_()]
    optimizer = make_optimizer(parameters, lr=0.1, **settings)
    for step in gradients:
        optimizer.zero_grad()
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = gradient
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def sparse(rows, seed):
    values = torch.randn(len(rows), N_DIMENSIONS, generator=generator(seed))
    shape = (N_ROWS, N_DIMENSIONS)
    return torch.sparse_coo_tensor(
        torch.tensor([rows]), values, shape, check_invariants=True
    )


def test_dense_gradients_move_as_by_adam():
    gradients = [(table(3), table(4)), (table(5), None), (table(6), table(7))]
    actual, expected = trained(RowAdam, gradients), trained(torch.optim.Adam, gradients)
    for mine, theirs in zip(actual, expected, strict=True):
        assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_sparse_gradients_of_all_rows_move_as_by_adam():
    gradients = [(table(seed), table(9)) for seed in (3, 4, 5)]
    expected = trained(torch.optim.Adam, gradients)
    actual = trained(RowAdam, [(a.to_sparse(1), b) for a, b in gradients])
    for mine, theirs in zip(actual, expected, strict=True):
        assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_sparse_gradients_move_as_by_torchs_sparse_adam():
    steps = [[0, 3, 5], [3], [29, 3, 0, 3], [7]]
    gradients = [(sparse(rows, i), sparse(rows, i + 9)) for i, rows in enumerate(steps)]
    actual, expected = (
        trained(optimizer, gradients, eps=1e-12)
        for optimizer in (RowAdam, torch.optim.SparseAdam)
    )
    for mine, theirs in zip(actual, expected, strict=True):
        assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    for mine, start in zip(actual, (table(1), table(2)), strict=True):
        moved = np.flatnonzero((mine != start).any(dim=1).numpy())
        assert moved.tolist() == [0, 3, 5, 7, 29]


def test_groups_have_their_own_rate_of_learning():
    one, other = table(1).requires_grad_(), table(1).requires_grad_()
    optimizer = RowAdam([{"params": [one], "lr": 0.0}, {"params": [other]}], lr=0.1)
    loss = optimizer.step(lambda: _backward((one + other).square().sum()))
    assert loss > 0
    assert_array_equal(one.detach(), table(1))
    assert (other.detach() != table(1)).all()


def _backward(loss):
    loss.backward()
    return loss.item()


def test_training_does_not_import_the_compiler():
    """It takes a second and some 70 megabytes, which nothing here makes up for."""
    assert run_program("lean_fit.py") is False


# Merging


def test_merged_texts_have_each_row_once_and_the_same_mean():
    rng = np.random.default_rng(0)
    bags = TokenBags.from_rows([rng.integers(0, 5, n).tolist() for n in (0, 1, 9, 30)])
    weights = rng.random(len(bags.ids), dtype=np.float32)
    dataset = BagDataset(bags, weights, np.zeros(4), np.ones(4))
    merged = dataset.merged()
    module = StaticModule(table(), torch.nn.Identity(), normalize=False)
    before, after = (
        module(**part.batch(0, 4)[0]).detach() for part in (dataset, merged)
    )
    assert_allclose(after, before, rtol=1e-5, atol=1e-6)
    for first, last in zip(merged.offsets[:-1], merged.offsets[1:], strict=True):
        ids = merged.ids[first:last].tolist()
        assert ids == sorted(set(ids))


def test_texts_without_tokens_can_be_merged():
    bags = TokenBags.from_rows([[], []])
    merged = BagDataset(bags, None, np.zeros(2), np.ones(2)).merged()
    assert merged.offsets.tolist() == [0, 0, 0]
