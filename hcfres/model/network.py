"""The whole network (Fig. 3): this file only wires its parts."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.data.batch import SceneBatch, TextBatch
from hcfres.model.adapter import TextAdapter
from hcfres.model.decoder_layer import Surroundings
from hcfres.model.decoder_mdin import MdinDecoder
from hcfres.model.decoder_prompt_aware import PromptAwareDecoder
from hcfres.model.encoder import SceneEncoder, SceneEncoding, gather_rows
from hcfres.model.output import NetworkOutput
from hcfres.model.refinement import InstanceRefinement
from hcfres.model.selection import LanguageGuidedSelection, Selection
from hcfres.model.sharing import SharedScenes, Sharing


class HcfRes(nn.Module):
    """Scenes and sentences to predictions; also MDIN and IPDN, which are other parts in it.

    Args:
        context: the refinement by V_unified that goes before the other; None for none.
        text_encoder: token ids and which are no padding to token features; None where the batches
            hold the features.
    """

    def __init__(
        self,
        *,
        encoder: SceneEncoder,
        text_adapter: TextAdapter,
        selection: LanguageGuidedSelection,
        refinement: InstanceRefinement | None,
        context: InstanceRefinement | None,
        decoder: MdinDecoder | PromptAwareDecoder,
        text_encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.text_adapter = text_adapter
        self.selection = selection
        self.refinement = refinement
        self.context = context
        self.decoder = decoder
        self.text_encoder = text_encoder
        self._backbone_is_frozen = False

    def encode(
        self, scenes: SceneBatch, geometry: Float[Tensor, "superpoints channels"] | None = None
    ) -> SceneEncoding:
        """What any sentence about the scenes needs; see `SceneEncoder`.

        Args:
            geometry: F_3d from `self.encoder.geometry(scenes)`, when it is known already.
        """
        return self.encoder(scenes, geometry)

    def decode(self, scenes: SceneEncoding, text: TextBatch) -> NetworkOutput:
        """The predictions for each sentence.

        Raises:
            ValueError: a sentence has no tokens, or is about no scene of the encoding; or a
                network that owns its text encoder is given no token ids.
        """
        _check_text(text, len(scenes.padded))
        tokens = self.text_adapter(self._token_features(text))
        scene = text.scene_of_expression
        sharing = Sharing.among(scene, len(scenes.padded))
        selection = self.selection(
            scenes.seed_features, scenes.seeds.padded, tokens, text.valid, scene
        )
        queries = gather_rows(scenes.seed_queries[scene], selection.selected)
        queries = self._refined(queries, scenes, sharing)
        around = _surroundings(scenes, text, tokens, selection, sharing)
        return NetworkOutput(
            layers=self.decoder(queries, around),
            relevance=selection.relevance,
            seeds=scenes.seeds.index[scene],
            seeds_padded=scenes.seeds.padded[scene],
            selected=selection.selected,
            queries_padded=selection.padded,
            centroids=scenes.centroids[scene],
            padded=around.padded,
        )

    def forward(
        self,
        scenes: SceneBatch,
        text: TextBatch,
        geometry: Float[Tensor, "superpoints channels"] | None = None,
    ) -> NetworkOutput:
        """Encode the scenes once, then decode every sentence about them."""
        return self.decode(self.encode(scenes, geometry), text)

    def _token_features(self, text: TextBatch) -> Float[Tensor, "expressions tokens text_width"]:
        if self.text_encoder is None:
            return text.features
        if text.ids is None:
            raise ValueError("the network owns its text encoder, but the batch has no token ids")
        features: Tensor = self.text_encoder(text.ids, text.valid)
        return features

    def _refined(
        self,
        queries: Float[Tensor, "expressions queries dim"],
        scenes: SceneEncoding,
        sharing: Sharing,
    ) -> Float[Tensor, "expressions queries dim"]:
        """Language-guided instance refinement."""
        if self.context is not None:
            unified = SharedScenes(scenes.unified, scenes.padded, sharing)
            queries = self.context(queries, unified)
        if self.refinement is None or scenes.semantics is None:
            return queries
        semantics = scenes.semantics
        instances = SharedScenes(semantics.features, semantics.hidden, sharing)
        return self.refinement(queries, instances)

    def freeze_backbone(self) -> None:
        """Keep the U-Net as it is from now on: no gradient, and no drift of its statistics."""
        self._backbone_is_frozen = True
        self.encoder.backbone.requires_grad_(False)
        self.encoder.backbone.eval()

    def train(self, mode: bool = True) -> "HcfRes":
        """As for every module, but a frozen U-Net stays in evaluation mode."""
        super().train(mode)
        if self._backbone_is_frozen:
            self.encoder.backbone.eval()
        return self


def _check_text(text: TextBatch, scenes: int) -> None:
    empty = (~text.valid.any(1)).nonzero().flatten().tolist()
    if empty:
        raise ValueError(f"expressions {empty} of the batch have no valid token")
    scene = text.scene_of_expression
    if len(scene) and not (int(scene.min()) >= 0 and int(scene.max()) < scenes):
        raise ValueError(f"scene_of_expression {scene.tolist()} does not fit {scenes} scenes")


def _surroundings(
    scenes: SceneEncoding,
    text: TextBatch,
    tokens: Float[Tensor, "expressions tokens dim"],
    selection: Selection,
    sharing: Sharing,
) -> Surroundings:
    scene = text.scene_of_expression
    chosen = scenes.seeds.index[scene].gather(1, selection.selected)
    return Surroundings(
        superpoints=SharedScenes(scenes.unified, scenes.padded, sharing),
        mask_features=scenes.mask_features,
        padded=scenes.padded[scene],
        text=tokens,
        text_valid=text.valid,
        positions=gather_rows(scenes.centroids[scene], chosen),
        queries_padded=selection.padded if bool(selection.padded.any()) else None,
    )
