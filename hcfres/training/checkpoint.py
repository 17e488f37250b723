"""The state of a training between two epochs, and the weights it ends with: safetensors only.

All randomness of an epoch follows from the seed and the epoch's number (`order.generator`), so
weights, the optimiser's moments and the epoch are the whole state.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn, optim

from hcfres.store.files import write_atomic

WEIGHTS = "weights.safetensors"
"""A trained network in its folder; the header tells how to build it."""
FORMAT = "2"
_STATE = "state.safetensors"
_NETWORK, _OPTIMIZER = "network/", "optimizer/"
_HASH = "sha256"
"""Of all that a file holds: one bit of it lost would be another training."""
_JOURNAL = "journal"


class CheckpointError(ValueError):
    """A checkpoint that is damaged or belongs to another training."""


def save(
    folder: Path,
    network: nn.Module,
    optimizer: optim.Optimizer,
    epochs_done: int,
    identity: str,
    journal: str = "",
) -> None:
    """Write the state after `epochs_done` epochs, in place of the one before, atomically.

    Args:
        folder: of the checkpoint; made when missing.
        network: its parameters and buffers are kept.
        optimizer: its moments are kept; its rates and decays are not, the configuration has them.
        epochs_done: the epoch to resume with.
        identity: of the training; `restore` refuses another one's state.
        journal: of these epochs, for `kept_journal`.
    """
    tensors = {_NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}/{name}": value for name, value in moments.items()}
    about = {"format": FORMAT, "epochs_done": str(epochs_done), "identity": identity}
    write_tensors(folder / _STATE, tensors, about | {_JOURNAL: journal})


def is_of(folder: Path, identity: str) -> bool:
    """Whether `restore` goes on with what the folder holds; true where nothing was saved.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / _STATE
    return not path.exists() or _fits(read_tensors(path)[1], identity)


def restore(folder: Path, network: nn.Module, optimizer: optim.Optimizer, identity: str) -> int:
    """Load the state that `save` wrote, and return how many epochs it has behind it.

    Returns:
        0 where nothing was saved; network and optimiser are then as they were.

    Raises:
        CheckpointError: the file is damaged, of another format, or of another training.
    """
    path = folder / _STATE
    if not path.exists():
        return 0
    tensors, about = read_tensors(path)
    if not _fits(about, identity):
        raise CheckpointError(
            f"{path}: belongs to training {about.get('identity', '(unknown)')} in format "
            f"{about.get('format', '(none)')}, and this is {identity} in format {FORMAT}. "
            "Remove the folder to train anew"
        )
    network.load_state_dict(_under(tensors, _NETWORK))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under(tensors, _OPTIMIZER).items():
        index, _, moment = name.partition("/")
        state.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    return int(about["epochs_done"])


def kept_journal(folder: Path) -> str:
    """The journal that was saved with the state; empty where nothing was saved.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / _STATE
    return read_about(path).get(_JOURNAL, "") if path.exists() else ""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write tensors under their names, so that `path` is the old file or the whole new one.

    The header holds their hash too, and that of the texts.

    Args:
        path: its folder is made when missing.
        tensors: copied from whatever device they are on.
        about: texts kept in the file's header.

    Raises:
        StoreError: the disk is full or refuses.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    told = dict(about) | {_HASH: _hash(kept, about)}
    write_atomic(path, _in_one_order(serialise(kept, metadata=told)))


def _in_one_order(content: bytes) -> bytes:
    """The same file, its texts in the order of their names: equal contents are equal files.

    Format: https://github.com/huggingface/safetensors, 8 bytes of length, JSON, the tensors; spaces
    may follow the JSON, whose length stays a multiple of 8.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    told = told.ljust(-(-len(told) // 8) * 8)
    return b"".join((len(told).to_bytes(8, "little"), told, memoryview(content)[end:]))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and the texts of its header.

    Raises:
        CheckpointError: the file is missing, or damaged, be it by a bit.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            about = dict(opened.metadata() or {})
    except (FileNotFoundError, SafetensorError) as error:
        raise _damaged(path, error) from None
    written = about.pop(_HASH, None)  # none in a file of before it was kept
    if written is not None and written != _hash(tensors, about):
        raise _damaged(path, "it does not hold what was written")
    return tensors, about


def read_about(path: Path) -> dict[str, str]:
    """The texts of a file's header; its tensors are not read.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            return dict(opened.metadata() or {})
    except SafetensorError as error:
        raise _damaged(path, error) from None


def save_weights(path: Path, network: nn.Module, about: Mapping[str, object]) -> None:
    """Write a trained network's parameters and buffers.

    Args:
        path: of the safetensors file.
        network: of whatever device.
        about: what is needed to build the network again, as JSON values.
    """
    header = {name: json.dumps(value, sort_keys=True) for name, value in about.items()}
    write_tensors(path, network.state_dict(), header)


def _hash(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    whole = hashlib.sha256(json.dumps(dict(about), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        whole.update(tensor.flatten().view(torch.uint8).numpy().data)
    return whole.hexdigest()


def _damaged(path: Path, error: Exception | str) -> CheckpointError:
    return CheckpointError(f"{path}: damaged ({error}). Remove the folder to train anew")


def _fits(about: Mapping[str, str], identity: str) -> bool:
    return about.get("format") == FORMAT and about.get("identity") == identity


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
