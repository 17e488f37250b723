"""What Table IV prints, to stand beside ours."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperCost:
    """Of a method."""

    params_m: float
    inference_ms: float


@dataclass(frozen=True)
class Paper:
    """The table, and which setting of ours has the paper's sizes."""

    setting: str
    costs: dict[str, PaperCost]
    """By method."""

    def beside(self, setting: str, method: str) -> PaperCost | None:
        """Give what the paper prints of a method, where the setting's sizes are the paper's."""
        return self.costs.get(method) if setting == self.setting else None
