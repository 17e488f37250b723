"""Checkpoints of others are read without running anything they say."""

import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from hcfres.data.errors import DataError
from hcfres.model import checkpoint_file
from hcfres.model.checkpoint_file import read_checkpoint


class Malice:
    """Asks whoever unpickles it to make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


WEIGHTS = OrderedDict(first=torch.arange(6.0).view(2, 3), second=torch.tensor(3))


def _saved(tmp_path, content, **told):
    path = tmp_path / "given.pth"
    torch.save(content, path, **told)
    return path


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"meta": {"epoch": 7, "time": "now"}, "model": WEIGHTS},
        {"state_dict": dict(WEIGHTS)},
        {"net": WEIGHTS, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}},
        {"model": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}},
    ],
)
def test_the_weights_are_found_where_the_authors_put_them(tmp_path, content):
    found = read_checkpoint(_saved(tmp_path, content))
    assert list(found.tensors) == ["first", "second"]
    assert torch.equal(found.tensors["first"], WEIGHTS["first"])
    others = {"meta", "optimizer"} & set(content)
    assert set(found.others) == others


def test_files_of_before_torch_1_6_are_read_too(tmp_path):
    path = _saved(tmp_path, {"model": WEIGHTS}, _use_new_zipfile_serialization=False)
    assert torch.equal(read_checkpoint(path).tensors["first"], WEIGHTS["first"])


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("where", ["model", "meta"])
def test_a_file_that_asks_to_be_run_is_refused_and_nothing_happens(tmp_path, where, new):
    made = tmp_path / "made"
    content = {"model": WEIGHTS, "meta": {}} | {where: {"x": Malice(made)}}
    path = _saved(tmp_path, content, _use_new_zipfile_serialization=new)
    with pytest.raises(DataError, match=r"given\.pth: it asks for `posix\.mkdir`.*nothing in it"):
        read_checkpoint(path)
    assert not made.exists()


def test_a_bare_pickle_is_refused_and_nothing_happens(tmp_path):
    made, path = tmp_path / "made", tmp_path / "given.pth"
    path.write_bytes(pickle.dumps(Malice(made)))
    with pytest.raises(DataError, match=r"no file of torch\.save"):
        read_checkpoint(path)
    assert not made.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"model": {"first": 3}}, "first is a int"),
        ({"model": {"first": [torch.zeros(1)]}}, "first is a list"),
        ({"model": {3: torch.zeros(1)}}, "3 is no name"),
        ({"model": {"first": torch.zeros(2, 2).to_sparse()}}, "first is a tensor of"),
        ({"model": {"first": torch.zeros(2, dtype=torch.complex64)}}, "first is a tensor of"),
        ({"model": {"first": torch.zeros(2, device="meta")}}, "without numbers"),
        ({"model": {"first": torch.nested.nested_tensor([torch.zeros(2)])}}, "a nested tensor"),
        ([torch.zeros(1)], "it holds list"),
        (torch.zeros(3), "it holds Tensor"),
        ({}, "it holds dict"),
        ({"model": {}}, "it holds dict"),
        ({"a": torch.zeros(1), "module.a": torch.zeros(1)}, "names come twice"),
    ],
    ids=str,
)
def test_anything_but_plain_tensors_is_refused_by_name(tmp_path, content, told):
    with pytest.raises(DataError, match=told):
        read_checkpoint(_saved(tmp_path, content))


def test_numpy_values_are_refused_with_a_way_out(tmp_path):
    path = _saved(tmp_path, {"model": {"first": np.zeros(3)}})
    with pytest.raises(DataError, match=r"it asks for `numpy.*save the table of its tensors"):
        read_checkpoint(path)


@pytest.mark.parametrize("new", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path, new):
    content = {"model": {"first": torch.rand(100)}}
    path = _saved(tmp_path, content, _use_new_zipfile_serialization=new)
    whole = path.read_bytes()
    for length in [0, 1, 3, 16, *range(40, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"given\.pth"):
            read_checkpoint(path)


@pytest.mark.parametrize("new", [True, False])
def test_a_file_with_a_changed_byte_is_read_or_refused(tmp_path, new):
    path = _saved(tmp_path, {"model": WEIGHTS}, _use_new_zipfile_serialization=new)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(len(whole), size=300):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            read_checkpoint(path)
        except DataError as error:
            assert "given.pth" in str(error)


def test_a_size_that_nobody_published_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = _saved(tmp_path, {"model": WEIGHTS})
    monkeypatch.setattr(checkpoint_file, "LARGEST", 100)
    with pytest.raises(DataError, match="more than the 100 that are read"):
        read_checkpoint(path)


def test_compressed_members_are_refused_before_they_grow(tmp_path):
    path, packed = _saved(tmp_path, {"model": {"a": torch.zeros(10**6)}}), tmp_path / "packed.pth"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            new.writestr(item.filename, old.read(item))
    assert packed.stat().st_size < 10**5
    with pytest.raises(DataError, match="compressed"):
        read_checkpoint(packed)


def test_a_long_table_of_contents_is_refused_before_it_is_read(tmp_path):
    path = _saved(tmp_path, {"model": WEIGHTS})
    whole = bytearray(path.read_bytes())
    whole[-10:-6] = struct.pack("<I", 2**31)
    whole[-58:-50] = struct.pack("<Q", 2**31)  # the same where torch wrote a zip64 archive
    path.write_bytes(whole)
    with pytest.raises(DataError, match="table of contents has"):
        read_checkpoint(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.pth: there is no such file"):
        read_checkpoint(tmp_path / "nowhere.pth")
    with pytest.raises(DataError, match=r"damaged|no file"):
        read_checkpoint(tmp_path)
