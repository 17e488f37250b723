"""Numbers of the ancestors' public code as inputs of ours: names, sizes, and in float64."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from hcfres.config.loading import load
from hcfres.config.method import (
    DecoderConfig,
    FusionConfig,
    LossConfig,
    MethodConfig,
    QueryConfig,
    SemanticsConfig,
)
from hcfres.config.setting import SettingConfig, SizeConfig
from hcfres.data.batch import TextBatch
from hcfres.model.build import build_network
from hcfres.model.encoder import SceneEncoding, gather_rows
from hcfres.model.network import HcfRes
from hcfres.model.selection import Seeds
from hcfres.model.superpoints import make_packing

RENAMED = (
    (r"^input_proj\.", "encoder.adapter.layers."),
    (r"^input_proj_2d\.", "encoder.fusion.dense."),
    (r"^sum_norm\.", "encoder.fusion.norm."),
    (r"^x_mask\.", "encoder.mask_features."),
    (r"^query_generator\.", "encoder.query_generator."),
    (r"^scg_head\.", "encoder.spatial."),
    (r"^lang_proj\.", "text_adapter.projection."),
    (r"^lang_norm\.", "text_adapter.norm."),
    (r"^sampling_module\.camap\.", "selection."),
    (r"^contrastive_align_projection_(vision|text)\.", r"decoder.heads.\1."),
    (r"^(out_norm|out_score|indi_embedding|indi_norm)\.", r"decoder.heads.\1."),
    (r"^lqg\.(\d+)\.", r"decoder.layers.\1.text_asks."),
    (r"^scg\.(\d+)\.", r"decoder.layers.\1.nearby."),
    (r"^(?:qla|swa)_ffn_layers\.(\d+)\.", r"decoder.layers.\1.query_ffn."),
    (r"^lsa_ffn_layers\.(\d+)\.", r"decoder.layers.\1.exchange.text_ffn."),
    (r"^lla_layers\.(\d+)\.", r"decoder.layers.\1.exchange.text_self."),
    (r"^lsa_layers\.(\d+)\.", r"decoder.layers.\1.exchange.text_reads."),
    (r"^(?:qsa|swa)_layers\.(\d+)\.", r"decoder.layers.\1.exchange.query_reads."),
    (r"^(?:qqa|rra)_layers\.(\d+)\.", r"decoder.layers.\1.exchange.query_self."),
    (r"^(?:qla|rla)_layers\.(\d+)\.", r"decoder.layers.\1.exchange.query_listens."),
    (r"^(sem_cls_heads?\.)", r"decoder.\1"),
    (r"^(input_conv|unet|output_layer)\.", r"encoder.backbone.\1."),
)
"""Patterns of the public code's names (without its prefix) and what ours are called."""

FULL = load(Path(__file__).parents[2] / "experiments/settings/scannet.toml", SettingConfig).size
"""The public configuration's sizes."""

LOSSES = {
    family: LossConfig(
        mask_bce=1.0, mask_dice=1.0, score=score, sampling=5.0, indicator=0.1, contrastive=0.1
    )
    for family, score in (("mdin", 1.0), ("ipdn", 0.5))
}


def our_name(public: str) -> str:
    """What a parameter of the public code is called here."""
    bare = re.sub(r"^(mdin|dec)\.", "", public)
    for pattern, ours in RENAMED:
        if re.search(pattern, bare):
            return re.sub(pattern, ours, bare)
    raise KeyError(f"no module of ours holds {public}")


def method(family: str, layers: int, legacy: tuple[str, ...] = ("dead_heads",)) -> MethodConfig:
    """MDIN or IPDN."""
    ipdn = family == "ipdn"
    semantics = SemanticsConfig(granularities=("pixel",), blur_sigma_cells=0.25, overlap="smallest")
    fusion = FusionConfig(within_2d="add", across="add", gate="scalar", refine=False, fit="C")
    return MethodConfig(
        name=family,
        title=family,
        semantics=semantics if ipdn else None,
        fusion=fusion if ipdn else None,
        queries=QueryConfig(spatial_attention=ipdn),
        decoder=DecoderConfig(family="prompt_aware" if ipdn else "mdin", layers=layers),
        losses=LOSSES[family],
        legacy=legacy,
    )


@dataclass(frozen=True)
class Case:
    """One golden file."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        value = self.tensors[name]
        return value.double() if value.is_floating_point() else value

    def cases(self) -> range:
        """Expressions of the file, or numbered cases."""
        return range(len(self.about["cases"]))


def read(folder: Path, name: str) -> Case:
    """Golden file `name`, floats as float64."""
    about = json.loads((folder / f"{name}.json").read_text())
    return Case(load_file(folder / f"{name}.safetensors"), about)


def network_of(case: Case, family: str) -> HcfRes:
    """The network with the file's weights, strictly name by name."""
    config = case.about["config"]
    size = SizeConfig(
        voxel_m=0.02,
        backbone_channels=config["media"],
        backbone_levels=1,
        dim=config["d_model"],
        heads=config["nhead"],
        ffn_dim=config["hidden_dim"],
        projection_dim=64,
        seeds=config["fps_num"],
        queries=config["num_proposal"],
        neighbours=config["k"],
    )
    network = build_network(
        method(family, config["num_layer"]), size, config["w2d"], config["text"]
    ).double()
    theirs = {
        our_name(name.removeprefix("param.")): case[name]
        for name in case.tensors
        if name.startswith("param.") and "sem_cls" not in name
    }
    ours = {
        name for name in network.state_dict() if "backbone" not in name and "sem_cls" not in name
    }
    assert ours == set(theirs)
    network.load_state_dict(theirs, strict=False)
    return network.eval()


def counts_of(case: Case) -> tuple[int, ...]:
    """Superpoints of each expression's scene."""
    return tuple(case["in.batch_offsets"].diff().tolist())


def encode(case: Case, network: HcfRes) -> SceneEncoding:
    """The encoding of the file's inputs, one scene an expression, with the file's seeds."""
    counts = counts_of(case)
    packing = make_packing(counts, tuple(map(str, range(len(counts)))), torch.device("cpu"))
    encoder, geometry = network.encoder, case["in.x"]
    features = encoder.adapter(geometry)
    if encoder.fusion is not None:
        features = encoder.fusion.norm(features + encoder.fusion.dense(case["in.feats_2d"]))
    unified = packing.pack(features)
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
    )


def text_of(case: Case) -> TextBatch:
    """The file's tokens, each expression about its own copy of the scene."""
    valid = case["in.lang_masks"].bool()
    return TextBatch(case["in.lang_feats"], valid, torch.arange(len(valid)))
