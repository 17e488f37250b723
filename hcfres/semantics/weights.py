"""Where an encoder's weights lie, and reading them without running anything a file says.

`package:NAME` are the weights shipped with this package, `random:SEED` none at all (an untrained
network that is the same on every machine), anything else a file under the workspace's `weights`.
"""

import json
import struct
import zipfile
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from hcfres.config.loading import ConfigError
from hcfres.config.setting import SettingConfig
from hcfres.data.errors import DataError, too_many
from hcfres.store.files import write_atomic
from hcfres.store.weights import PACKAGE, RANDOM, SHIPPED, weights_identity

FILE_NAME = "weights.safetensors"
"""Of every shipped network, in its folder beside its card.md."""

_ABOUT = "about"
_TOLD = TypeAdapter(dict[str, str])

PUBLISHED = {
    "sam_vit_h_4b8939.pth": "the model table of github.com/facebookresearch/segment-anything",
    "sam_vit_l_0b3195.pth": "the model table of github.com/facebookresearch/segment-anything",
    "sam_vit_b_01ec64.pth": "the model table of github.com/facebookresearch/segment-anything",
    "ViT-L-14-336px.pt": "the model list of github.com/openai/CLIP",
}
"""Official files and who publishes them."""


def weights_path(weights: str, weights_root: Path) -> Path | None:
    """Find the file of `weights`; its hash is the weights' identity.

    Returns:
        None for `random:SEED`, whose identity is the text itself.

    Raises:
        ConfigError: there is no such file, or SEED is no number.
    """
    if weights.startswith(RANDOM):
        random_seed(weights)
        return None
    path = _location(weights, weights_root)
    if path.is_file():
        return path
    raise ConfigError(
        f"weights {weights!r}: {path.name} is not at {path}; {_way_out(weights, path)}"
    )


def missing_weights(setting: SettingConfig, weights_root: Path) -> list[str]:
    """Say of each weights file a setting names and this machine lacks, where it is to be got."""
    named = [setting.sam.weights, setting.clip.weights]
    if setting.training.backbone_weights is not None:
        named.append(setting.training.backbone_weights)
    missing = []
    for weights in named:
        try:
            weights_path(weights, weights_root)
        except ConfigError as error:
            missing.append(str(error))
    try:
        weights_identity(setting.text.weights, weights_root)
    except ConfigError as error:
        missing.append(str(error))
    return missing


def random_seed(weights: str) -> int:
    """Read SEED of `random:SEED`; anything but a number is a ConfigError."""
    digits = weights.removeprefix(RANDOM)
    if not digits.isdecimal():
        raise ConfigError(f"weights {weights!r}: after {RANDOM!r} comes a number, e.g. 'random:0'")
    return int(digits)


def _location(weights: str, weights_root: Path) -> Path:
    if weights.startswith(PACKAGE):
        return SHIPPED / weights.removeprefix(PACKAGE) / FILE_NAME
    return weights_root / weights


def _way_out(weights: str, path: Path) -> str:
    if weights.startswith(PACKAGE):
        known = sorted(folder.parent.name for folder in SHIPPED.glob(f"*/{FILE_NAME}"))
        return f"shipped with this package: {', '.join(known) or 'none'}"
    where = PUBLISHED.get(path.name, "whoever published these weights")
    return f"get {path.name} from {where} and put it there"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict, in float32 where it holds floats.

    Safetensors, a PyTorch file of plain tensors, or a TorchScript archive (OpenAI's CLIP); a
    `state_dict` or `model` that the file wraps them in is unwrapped.

    Raises:
        DataError: the file is damaged, or would have to run code to be read.
    """
    try:
        safe = path.suffix == ".safetensors"
        state = load_file(path) if safe else _unwrapped(_read_torch(path))
    except DataError:
        raise
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise DataError(
            path, f"not a readable weights file ({str(error)[:500]})", "get it again"
        ) from error
    return {name: _as_float32(tensor) for name, tensor in state.items()}


def _read_torch(path: Path) -> object:
    _require_honest_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a bare Exception subclass that differs by version
        if "TorchScript" not in str(error):
            found = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise DataError(
                path,
                f"not a file of plain tensors ({found}), and reading it could run code",
                "get the official file or a .safetensors",
            ) from error
    scripted = torch.jit.load(str(path), map_location="cpu").state_dict()
    return {name: scripted[name] for name in scripted if name not in _OPENAI_EXTRAS}


def _require_honest_archive(path: Path) -> None:
    """Refuse an archive with a member that cannot be in it: torch makes room before it reads."""
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, *_DAMAGE) as error:
        reason = f"not a readable weights file ({str(error)[:300]})"
        raise DataError(path, reason, "get it again") from None
    size = path.stat().st_size
    for member in members:
        most = 1 if member.compress_type == zipfile.ZIP_STORED else _DEFLATE_RATIO
        if member.compress_size > size or member.file_size > most * member.compress_size:
            reason = f"a member of {member.file_size} bytes cannot be in a file of {size}"
            raise DataError(path, reason, "get it again", member.filename)


_DAMAGE = (OSError, ValueError, LookupError, OverflowError, RuntimeError, EOFError, struct.error)
_DEFLATE_RATIO = 1032
_OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")


def _unwrapped(value: object) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    if not isinstance(value, dict) or not all(
        isinstance(entry, Tensor) for entry in value.values()
    ):
        raise ValueError("it holds no table of tensors")
    return {name.removeprefix("module."): tensor for name, tensor in value.items()}


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def write_weights(path: Path, network: nn.Module, about: dict[str, str]) -> None:
    """Write a network's state dict as safetensors, floats halved, `about` in the header."""
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # one entry: the order of several differs from run to run, and with it the file's hash
    write_atomic(path, save(state, metadata={_ABOUT: json.dumps(about, sort_keys=True)}))


def read_about(path: Path) -> dict[str, str]:
    """Read what `write_weights` was told about the weights.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            told = (file.metadata() or {}).get(_ABOUT, "{}")
        return _TOLD.validate_json(told)
    except (SafetensorError, OSError, ValueError) as error:
        reason = f"not a readable weights file ({str(error)[:300]})"
        raise DataError(path, reason, "get it again") from None


def fill(network: nn.Module, path: Path, what: str) -> None:
    """Put a file's weights into `network`, every one of them and no other.

    Raises:
        DataError: names or shapes differ; the message lists the first few.
    """
    state = read_weights(path)
    own = network.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in state]
    wrong += [f"{name} is unknown" for name in state if name not in own]
    wrong += [
        f"{name} has shape {tuple(state[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if wrong:
        way_out = "name the file of this network, or the network of this file"
        raise DataError(path, f"not the weights of {what}: {too_many(wrong, shown=3)}", way_out)
    network.load_state_dict(state)
