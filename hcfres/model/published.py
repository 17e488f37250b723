"""What the ancestors' public code calls the parameters of MDIN and IPDN, and what they are here.

A name of theirs is a prefix for the decoder, the text encoder or nothing (the U-Net, which keeps
its names), then a path. `{}` stands for the number of a layer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from hcfres.config.method import Legacy, MethodConfig

_BACKBONE = "encoder.backbone."
_UNET = ("input_conv.", "unet.", "output_layer.")

_SHARED = (
    ("input_proj.", "encoder.adapter.layers."),
    ("x_mask.", "encoder.mask_features."),
    ("query_generator.", "encoder.query_generator."),
    ("lang_proj.", "text_adapter.projection."),
    ("lang_norm.", "text_adapter.norm."),
    ("sampling_module.camap.", "selection."),
    ("contrastive_align_projection_vision.", "decoder.heads.vision."),
    ("contrastive_align_projection_text.", "decoder.heads.text."),
    ("out_norm.", "decoder.heads.out_norm."),
    ("out_score.", "decoder.heads.out_score."),
    ("indi_embedding.", "decoder.heads.indi_embedding."),
    ("indi_norm.", "decoder.heads.indi_norm."),
    ("lsa_ffn_layers.{}.", "decoder.layers.{}.exchange.text_ffn."),
    ("lla_layers.{}.", "decoder.layers.{}.exchange.text_self."),
    ("lsa_layers.{}.", "decoder.layers.{}.exchange.text_reads."),
)
_OF_MDIN = (
    ("qla_ffn_layers.{}.", "decoder.layers.{}.query_ffn."),
    ("qsa_layers.{}.", "decoder.layers.{}.exchange.query_reads."),
    ("qqa_layers.{}.", "decoder.layers.{}.exchange.query_self."),
    ("qla_layers.{}.", "decoder.layers.{}.exchange.query_listens."),
)
_OF_IPDN = (
    ("input_proj_2d.", "encoder.fusion.dense."),
    ("sum_norm.", "encoder.fusion.norm."),
    ("scg_head.", "encoder.spatial."),
    ("swa_ffn_layers.{}.", "decoder.layers.{}.query_ffn."),
    ("swa_layers.{}.", "decoder.layers.{}.exchange.query_reads."),
    ("rra_layers.{}.", "decoder.layers.{}.exchange.query_self."),
    ("rla_layers.{}.", "decoder.layers.{}.exchange.query_listens."),
    ("lqg.{}.", "decoder.layers.{}.text_asks."),
    ("scg.{}.", "decoder.layers.{}.nearby."),
    ("sem_cls_heads.", "decoder.sem_cls_heads."),
    ("sem_cls_head.", "decoder.sem_cls_head."),
)


@dataclass(frozen=True)
class Published:
    """One ancestor's public code: its names, and what it does that is kept here by name."""

    method: str
    """Of the configuration that describes it."""
    decoder: str
    """Prefix of the decoder's names."""
    text: str
    """Prefix of RoBERTa's names."""
    pairs: tuple[tuple[str, str], ...]
    """Their decoder's names and ours, as templates."""
    objective: tuple[str, ...]
    """Buffers of the loss that lie in its checkpoints."""
    legacy: tuple[Legacy, ...]
    """Behaviour under which its weights were trained, as far as it changes results."""

    def ours(self, published: str) -> str | None:
        """What a parameter is called here; None where nothing here is called so."""
        if published.startswith(_UNET):
            return _BACKBONE + published
        if not published.startswith(self.decoder):
            return None
        return _translated(published.removeprefix(self.decoder), self._forward)

    def theirs(self, ours: str) -> str | None:
        """What a parameter of ours is called in the public code; None where it has no such."""
        if ours.startswith(_BACKBONE):
            return ours.removeprefix(_BACKBONE)
        found = _translated(ours, self._backward)
        return None if found is None else self.decoder + found

    @cached_property
    def _forward(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple(_compiled(theirs, ours) for theirs, ours in self.pairs)

    @cached_property
    def _backward(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple(_compiled(ours, theirs) for theirs, ours in self.pairs)


def _compiled(given: str, wanted: str) -> tuple[re.Pattern[str], str]:
    return re.compile(re.escape(given).replace(r"\{\}", r"(\d+)")), wanted


def _translated(name: str, pairs: Iterable[tuple[re.Pattern[str], str]]) -> str | None:
    for pattern, wanted in pairs:
        if found := pattern.match(name):
            return wanted.format(*found.groups()) + name[found.end() :]
    return None


_OF_BOTH: tuple[Legacy, ...] = (
    "target_indexing",
    "padded_tokens_in_contrastive",
    "fps_skips_origin",
    "dropped_slab",
)

PUBLISHED = {
    "mdin": Published(
        method="mdin",
        decoder="mdin.",
        text="bert_encoder.",
        pairs=_SHARED + _OF_MDIN,
        objective=("criterion.loss_weight", "criterion.matcher.cost_weight"),
        legacy=_OF_BOTH,
    ),
    "ipdn": Published(
        method="ipdn",
        decoder="dec.",
        text="text_encoder.",
        pairs=_SHARED + _OF_IPDN,
        objective=("criterion.loss_weight",),
        legacy=(*_OF_BOTH, "centre_crop", "first_neighbours", "dilute_unseen"),
    ),
}
"""The ancestors with public weights, by the name of their method."""


def is_backbones(published: str) -> bool:
    """Whether a name is one of the U-Net that all ancestors share."""
    return published.startswith(_UNET)


def as_published(method: MethodConfig, dead_heads: bool = False) -> MethodConfig:
    """The method as its authors' code has it, so that their weights mean what they meant there.

    Args:
        method: one of PUBLISHED, by its name.
        dead_heads: own the parameters without effect too.

    Raises:
        KeyError: the method has no public weights.
    """
    legacy = PUBLISHED[method.name].legacy
    added: tuple[Legacy, ...] = ("dead_heads",) if dead_heads else ()
    return method.model_copy(update={"legacy": legacy + added})
