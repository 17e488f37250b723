"""No step of a forward pass or of a loss goes through expressions, queries or superpoints."""

import sys
from collections import Counter
from pathlib import Path

import jaxtyping
import pytest
import torch

import hcfres
from hcfres.model.build import build_network
from hcfres.objective.criterion import Criterion

from . import loops
from .tiny import METHODS, SIZE, TEXT_WIDTH, VARIANTS, WIDTH, make_batch

ALL = METHODS | VARIANTS
MORE = {
    "superpoints": ({}, (40, 28), 1),
    "seeds": ({"seeds": 14}, (20, 14), 1),
    "queries": ({"queries": 12}, (20, 14), 1),
    "expressions": ({}, (20, 14), 3),
}
FEW = ({}, (20, 14), 1)
"""Sizes that change, superpoints of two scenes, and how often three sentences are asked."""
WATCHED = (str(Path(hcfres.__file__).parent), loops.__file__)


@pytest.fixture(autouse=True)
def unchecked_shapes():
    """Checking shapes takes steps of its own."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def _steps(run):
    """How many instructions each function of the project, and of the reference, executes."""
    run()
    steps: Counter[str] = Counter()

    def count(frame, event, _):
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps[frame.f_code.co_qualname] += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        run()
    finally:
        sys.settrace(before)
    return steps


def _made(method, sizes, counts, times):
    torch.manual_seed(0)
    size = SIZE.model_copy(update=sizes)
    network = build_network(ALL[method], size, WIDTH, TEXT_WIDTH)
    scene_of_expression = (0,) * 2 * times + (1,) * times
    return network, make_batch(counts, scene_of_expression, ((1, 2), (), (0,)) * times)


def _step(method, *sizes):
    """A forward pass and its loss."""
    network, batch = _made(method, *sizes)
    criterion = Criterion(ALL[method].losses)
    return lambda: criterion(network(batch.scenes, batch.text), batch)


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("method", ["hcf_res", "ipdn", "mdin", "cross_attention"])
def test_more_of_them_takes_no_more_steps(method, more):
    assert _steps(_step(method, *MORE[more])) == _steps(_step(method, *FEW))


@pytest.mark.parametrize("more", ["queries", "expressions"])
def test_a_loop_would_be_seen(more):
    """The ancestors' loops take more steps for more queries, and for more expressions."""

    def looped(sizes):
        network, batch = _made("ipdn", *sizes)
        geometry = network.encoder.geometry(batch.scenes)
        return lambda: loops.predict_in_loops(network, batch.scenes, geometry, batch.text)

    assert _steps(looped(MORE[more])) != _steps(looped(FEW))
