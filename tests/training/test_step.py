"""One step of the optimiser, however it is cut."""

import pytest
import torch
from torch import nn, optim

from hcfres.objective.criterion import Criterion
from hcfres.training.cell import Widths, make_network
from hcfres.training.engine import open_engine
from hcfres.training.loop import fit
from hcfres.training.optimizer import make_optimizer, train_mode
from hcfres.training.order import Chunk, epoch_order, generator
from hcfres.training.schedule import polynomial
from hcfres.training.step import TERMS, Learner, learn
from tests.evaluation.small import METHOD, SmallRooms, make_cell
from tests.training.tiny import make_run


def plain(run):
    """The training that `fit` does, with nothing of Accelerate: one process, fp32, no cutting."""
    network, config = run.network, run.config
    optimizer = make_optimizer(network, config)
    for epoch in range(config.epochs):
        rate = polynomial(config.learning_rate, epoch, config.epochs, config.decay_power)
        optimizer.param_groups[0]["lr"] = rate
        train_mode(network)
        rng = generator(run.seed, epoch, "order")
        shape = config.expressions_per_scene, config.scenes_per_batch
        torch.manual_seed(int(generator(run.seed, epoch, "dropout").integers(2**63)))
        number = 0
        for chunks in epoch_order(run.source.counts, *shape, rng):
            numbers = range(number, number := number + len(chunks))
            changes = [generator(run.seed, epoch, f"augmentation {n}") for n in numbers]
            batch = run.source.batch(chunks, changes)
            optimizer.zero_grad()
            sums = run.criterion.sums(run.predict(batch), batch)
            run.criterion.losses(sums, sums.counts).total.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
            optimizer.step()
    return network


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_one_process_in_fp32_learns_bit_for_bit_what_a_plain_loop_learns(tmp_path):
    expected = plain(make_run(tmp_path / "plain"))
    assert same(fit(make_run(tmp_path / "fit"), report=lambda _: None), expected)


@pytest.mark.parametrize("backbone", ["trained", "frozen"])
def test_the_real_network_too(tmp_path, backbone):
    cell = make_cell(backbone=backbone)

    def run(folder):
        network = make_network(cell, Widths(5, 7), tmp_path)
        return make_run(
            folder,
            network=network,
            predict=lambda batch: network(batch.scenes, batch.text),
            criterion=Criterion(METHOD.losses),
            source=SmallRooms(1, 2, 3),
            config=cell.setting.training,
        )

    expected = plain(run(tmp_path / "plain"))
    assert same(fit(run(tmp_path / "fit"), report=lambda _: None), expected)


def chunks(*rooms):
    return tuple(Chunk(f"scene{room:04d}_00", tuple(range(6))) for room in rooms)


def step_of(tmp_path, *cut, precision="fp32"):
    """What a step on rooms tells, cut into batches, and the gradient it leaves."""
    rooms = SmallRooms(1, 2, 3, 4)
    return step_on(tmp_path, [rooms.batch(chunks(*part), ()) for part in cut], precision)


def step_on(tmp_path, batches, precision="fp32"):
    cell = make_cell(backbone="frozen")
    network = make_network(cell, Widths(5, 7), tmp_path)
    train_mode(network)
    with open_engine("cpu", precision) as engine:
        learner = Learner(
            network=network,
            predict=lambda batch: network(batch.scenes, batch.text),
            objective=Criterion(METHOD.losses),
            optimizer=optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.0),
            clip_norm=float("inf"),
            engine=engine,
        )
        told = learn(learner, batches)
    return told, {n: p.grad for n, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("cut", [((1,), (2,)), ((1, 2), (3,)), ((1,), (2,), (3, 4))])
def test_accumulated_batches_are_one_batch(tmp_path, cut):
    whole, expected = step_of(tmp_path, tuple(room for part in cut for room in part))
    parts, found = step_of(tmp_path, *cut)
    torch.testing.assert_close(parts.losses, whole.losses, rtol=1e-6, atol=1e-6)
    assert parts.gradient_norm == pytest.approx(whole.gradient_norm, rel=1e-6)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=1e-6)


def test_batches_with_unequal_numbers_of_pairs_do_not_weigh_the_same(tmp_path):
    """The mean of two batches' losses is not the step's: pairs are counted, not batches."""
    whole, _ = step_of(tmp_path, (1, 2))
    first, second = (step_of(tmp_path, (room,))[0].losses for room in (1, 2))
    assert not torch.allclose((first + second) / 2, whole.losses, rtol=1e-4)


def test_the_shares_of_a_steps_batches_add_up(tmp_path):
    told, _ = step_of(tmp_path, (1,), (2, 3))
    for name, expected in zip(TERMS, told.losses, strict=True):
        added = sum(getattr(share, name) for share in told.shares)
        torch.testing.assert_close(added, expected)


def test_bf16_changes_the_products_and_neither_weights_nor_losses(tmp_path):
    half, gradients = step_of(tmp_path, (1, 2), precision="bf16")
    full, _ = step_of(tmp_path, (1, 2))
    assert half.finite
    assert half.losses.dtype == torch.float32
    assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
    assert not torch.equal(half.losses, full.losses)
    torch.testing.assert_close(half.losses, full.losses, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("size", [1, 2])
def test_a_step_of_nothing_but_zero_target_sentences_is_taken(tmp_path, size):
    rooms = SmallRooms(*range(6), expressions=4)
    empty = rooms.zero_targets
    told, gradients = step_on(tmp_path, [rooms.batch((one,), ()) for one in empty[:size]])
    assert len(told.shares) == size
    assert told.finite
    assert told.gradient_norm > 0
    assert told.losses[TERMS.index("mask_bce")] == 0
    assert all(gradient.isfinite().all() for gradient in gradients.values())
