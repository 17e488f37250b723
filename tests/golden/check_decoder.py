"""Our MDIN and IPDN compute what the public code computes."""

from collections.abc import Iterator

import torch

from hcfres.model.network import HcfRes
from hcfres.model.output import NetworkOutput, answer

from .batches import batch_of, layer_prefixes
from .case import EXACT, LIMIT, Case, Finding
from .check_losses import INDEXINGS, criterion_of, term_findings
from .networks import encode, network_of, our_name, text_of


def check_decoder(case: Case, family: str) -> Iterator[Finding]:
    """Every output of every layer, the losses of these outputs, and every parameter's gradient."""
    network = network_of(case, family)
    output = network.decode(encode(case, network), text_of(case))
    pair = output.relevance, case["out.ref_scores"]
    yield case.finding("relevance scores", [pair], LIMIT)
    pair = output.selected, case["out.sample_inds"]
    yield case.finding("sampled indices", [pair], EXACT)
    yield case.finding("padding", [(output.padded, case["out.batch_mask"])], EXACT)
    yield from _layers(case, output)
    batch = batch_of(case)
    for indexing in INDEXINGS:
        criterion = criterion_of(family, indexing)
        told = case.about[f"e2e_loss_{indexing}"]
        yield from term_findings(case, criterion, output, batch, told, f"end to end, {indexing}")
        network.zero_grad()
        criterion(output, batch).total.backward(retain_graph=True)
        yield _gradient_norms(case, family, network, indexing)
    yield _without_gradient(case, family, network)


def _layers(case: Case, output: NetworkOutput) -> Iterator[Finding]:
    prefixes = layer_prefixes(case)
    if len(prefixes) != len(output.layers):
        raise ValueError(f"{len(output.layers)} predictions, {len(prefixes)} in the file")
    layers = list(zip(output.layers, prefixes, strict=True))
    ours = {
        "masks": [layer.masks for layer in output.layers],
        "scores": [layer.scores[..., None] for layer in output.layers],
        "indis": [layer.indicators for layer in output.layers],
        "proj_queries": [layer.vision for layer in output.layers],
        "proj_tokens": [layer.text for layer in output.layers],
    }
    for name, found in ours.items():
        pairs = [
            (tensor, case[prefix + name])
            for tensor, (_, prefix) in zip(found, layers, strict=True)
            if prefix + name in case
        ]
        yield case.finding(f"{name} of {len(pairs)} layers", pairs, LIMIT)
    theirs = [case[prefix + "indis"].argmax(-1) == 1 for prefix in prefixes]
    fired = [answer(output, "gres", i).fired for i in range(len(prefixes))]
    yield case.finding("queries that fire", zip(fired, theirs, strict=True), EXACT)


def _gradient_norms(case: Case, family: str, network: HcfRes, indexing: str) -> Finding:
    ours = dict(network.named_parameters())
    pairs = []
    for name, norm in case.about[f"grad_norm_{indexing}"].items():
        gradient = ours[our_name(family, name)].grad
        found = torch.zeros(()) if gradient is None else gradient.norm()
        pairs.append((found.double(), torch.tensor(norm, dtype=torch.float64)))
    return case.finding(f"{indexing} gradient norms of {len(pairs)} parameters", pairs, LIMIT)


def _without_gradient(case: Case, family: str, network: HcfRes) -> Finding:
    """Which parameters no loss reaches: the same, gradients of 0 counted as none."""
    norms = case.about["grad_norm_corrected"]
    unreached = [*case.about["params_without_grad"], *(n for n, norm in norms.items() if not norm)]
    theirs = {our_name(family, name) for name in unreached}
    ours = [
        (name, parameter.grad is None or not parameter.grad.any())
        for name, parameter in network.named_parameters()
        if not name.startswith("encoder.backbone.")
    ]
    found = torch.tensor([zero for _, zero in ours])
    wanted = torch.tensor([name in theirs for name, _ in ours])
    return case.finding("parameters no loss reaches", [(found, wanted)], EXACT)
