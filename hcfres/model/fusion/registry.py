"""The names of the fusion variants. A new one is a file beside these and a line here.

A variant is a module built from `FusionSizes`. Those of WITHIN_2D turn `VisualBranches` into
V_2d; those of ACROSS turn V_2d and V_3d into a `Blend`.
"""

import difflib

from torch import nn

from hcfres.config.loading import ConfigError
from hcfres.model.fusion.across_adaptive import AdaptiveAcross
from hcfres.model.fusion.across_add import AddAcross
from hcfres.model.fusion.within_add import AddWithin
from hcfres.model.fusion.within_attention import AttentionWithin
from hcfres.model.fusion.within_cross_attention import CrossAttentionWithin
from hcfres.model.fusion.within_mean import MeanWithin

WITHIN_2D: dict[str, type[nn.Module]] = {
    "attention": AttentionWithin,
    "cross_attention": CrossAttentionWithin,
    "add": AddWithin,
    "mean": MeanWithin,
}

ACROSS: dict[str, type[nn.Module]] = {
    "adaptive": AdaptiveAcross,
    "add": AddAcross,
}


def choose(registry: dict[str, type[nn.Module]], name: str, key: str) -> type[nn.Module]:
    """The variant called `name`.

    Args:
        key: the configuration's key that asked for it, for the message.

    Raises:
        ConfigError: no variant is called that.
    """
    if name in registry:
        return registry[name]
    near = difflib.get_close_matches(name, registry, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(registry))}"
    raise ConfigError(f"{key}: no fusion variant is called {name!r}; {hint}")
