"""Our MDIN and IPDN with a golden file's weights, and its inputs as inputs of ours."""

from pathlib import Path

import torch
from torch import Tensor

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig, SizeConfig
from hcfres.data.batch import TextBatch
from hcfres.model.build import build_network
from hcfres.model.encoder import SceneEncoding, gather_rows
from hcfres.model.fusion.fusion import VisualFeatures
from hcfres.model.network import HcfRes
from hcfres.model.published import PUBLISHED, as_published
from hcfres.model.selection import Seeds
from hcfres.model.superpoints import Packing, make_packing

from .case import Case

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
FULL = load(EXPERIMENTS / "settings/scannet.toml", SettingConfig).size
"""The public configuration's sizes."""


def preset(name: str) -> MethodConfig:
    """A method as the experiments have it."""
    return load(EXPERIMENTS / f"methods/{name}.toml", MethodConfig)


def ancestor(family: str, layers: int) -> MethodConfig:
    """MDIN or IPDN as the public code has it, its unused parameters included."""
    method = as_published(preset(family), dead_heads=True)
    return method.model_copy(
        update={"decoder": method.decoder.model_copy(update={"layers": layers})}
    )


def network_of(case: Case, family: str) -> HcfRes:
    """The network with the file's weights, strictly name by name."""
    config, weights = case.about["config"], case.parameters()
    size = SizeConfig(
        voxel_m=0.02,
        backbone_channels=config["media"],
        backbone_levels=1,
        dim=config["d_model"],
        heads=config["nhead"],
        ffn_dim=config["hidden_dim"],
        projection_dim=len(weights["contrastive_align_projection_vision.4.bias"]),
        seeds=config["fps_num"],
        queries=config["num_proposal"],
        neighbours=config["k"],
    )
    method = ancestor(family, config["num_layer"])
    network = build_network(method, size, config["w2d"], config["text"]).double()
    theirs = {our_name(family, name): tensor for name, tensor in weights.items()}
    ours = {name for name in network.state_dict() if not _is_unused(name)}
    given = {name for name in theirs if not _is_unused(name)}
    if ours != given:
        raise ValueError(f"these parameters are not in both: {sorted(ours ^ given)}")
    network.load_state_dict({name: theirs[name] for name in given}, strict=False)
    return network.eval()


def our_name(family: str, theirs: str) -> str:
    """What a parameter of the public decoder, without its prefix, is called here."""
    published = PUBLISHED[family]
    name = published.ours(published.decoder + theirs)
    if name is None:
        raise KeyError(f"no module of ours holds {theirs}")
    return name


def _is_unused(name: str) -> bool:
    """The U-Net is not in a decoder's file, and class heads may have any number of classes."""
    return name.startswith("encoder.backbone.") or "sem_cls" in name


def counts_of(case: Case) -> tuple[int, ...]:
    """Superpoints of each expression's scene."""
    return tuple(case["in.batch_offsets"].diff().tolist())


def encode(case: Case, network: HcfRes) -> SceneEncoding:
    """The encoding of the file's inputs, one scene an expression, with the file's seeds."""
    counts = counts_of(case)
    packing = make_packing(counts, tuple(map(str, range(len(counts)))), torch.device("cpu"))
    encoder, geometry = network.encoder, case["in.x"]
    unified = packing.pack(_unified(case, network, packing))
    index = case["in.fps_seed_sp"].long()
    seeds = Seeds(index, torch.zeros_like(index, dtype=torch.bool))
    centroids = packing.pack(case["in.sp_pos"])
    found = gather_rows(unified, index)
    if encoder.spatial is not None:
        found = encoder.spatial(found, gather_rows(centroids, index), seeds.padded)
    return SceneEncoding(
        unified=unified,
        mask_features=packing.pack(encoder.mask_features(geometry)),
        centroids=centroids,
        padded=packing.padded,
        seeds=seeds,
        seed_features=found,
        seed_queries=encoder.query_generator(found),
        semantics=None,
        gate=None,
    )


def _unified(case: Case, network: HcfRes, packing: Packing) -> Tensor:
    adapted = network.encoder.adapter(case["in.x"])
    if network.encoder.fusion is None:
        return adapted
    dense = case["in.feats_2d"]
    seen = torch.ones(len(dense), dtype=torch.bool)
    visual = VisualFeatures(dense, seen, None, None)
    return network.encoder.fusion(adapted, visual, packing).unified


def text_of(case: Case) -> TextBatch:
    """The file's tokens, each expression about its own copy of the scene."""
    valid = case["in.lang_masks"].bool()
    return TextBatch(case["in.lang_feats"], valid, torch.arange(len(valid)))
