"""Files of torch.save are read without running them; hostile ones are refused in one error."""

import contextlib
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.errors import DataError
from hcfres.data.prior import torch_file
from hcfres.data.prior.torch_file import read_torch_file


class _Runs:
    """Pickled, it is a call of `os.system`."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class _Means:
    """Pickled, it is a call of anything."""

    def __init__(self, called, *arguments) -> None:
        self.called, self.arguments = called, arguments

    def __reduce__(self):
        return self.called, self.arguments


def written(path: Path, description: bytes, members: dict[str, bytes] | None = None) -> Path:
    """An archive like torch.save's around any description."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {"data.pkl": description, **(members or {})}.items():
            file.writestr(f"archive/{name}", content)
    return path


def refused(path: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        read_torch_file(path)
    assert str(path) in str(caught.value)


ARRAYS = [
    np.arange(12.0).reshape(4, 3),
    np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    np.arange(5),
    np.array([-1, 300], np.int16),
    np.array([0, 255], np.uint8),
    np.array([True, False]),
    np.arange(3, dtype=">f8"),
    np.zeros((0, 3)),
    np.array(2.5),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str}{a.shape}")
def test_a_numpy_array_comes_back_as_it_was(tmp_path: Path, array: np.ndarray):
    torch.save(array, tmp_path / "a.pth")
    (found,) = read_torch_file(tmp_path / "a.pth")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


TENSORS = [
    torch.arange(12.0).reshape(4, 3),
    torch.arange(12.0).reshape(4, 3).T,
    torch.arange(12).reshape(4, 3)[1:, ::2],
    torch.zeros(0, 7),
    torch.tensor(3),
    torch.ones(1).expand(5, 4),
    torch.arange(4).to(torch.float16),
    torch.tensor([True, False]),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda t: f"{t.dtype}{tuple(t.shape)}{t.stride()}")
def test_a_tensor_comes_back_as_an_array(tmp_path: Path, tensor: torch.Tensor):
    torch.save(tensor, tmp_path / "a.pth")
    (found,) = read_torch_file(tmp_path / "a.pth")
    np.testing.assert_array_equal(found, tensor.numpy())
    assert found.dtype == tensor.numpy().dtype


@pytest.mark.parametrize("kind", [tuple, list])
def test_several_come_back_in_order_and_equal_what_torch_reads(tmp_path: Path, kind):
    torch.save(kind([*ARRAYS[:6], TENSORS[0], TENSORS[1]]), tmp_path / "a.pth")
    found = read_torch_file(tmp_path / "a.pth")
    allowed = [
        np._core.multiarray._reconstruct,
        np.ndarray,
        np.dtype,
        *(type(array.dtype) for array in ARRAYS),
    ]
    with torch.serialization.safe_globals(allowed):
        trusted = torch.load(tmp_path / "a.pth", weights_only=True)
    assert len(found) == len(trusted)
    for one, other in zip(found, trusted, strict=True):
        np.testing.assert_array_equal(one, np.asarray(other))


def test_an_array_written_by_numpy_1_has_other_names_and_is_read(tmp_path: Path):
    description = pickle.dumps((np.arange(3.0), np.array([7, 8])), protocol=2)
    older = description.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert older != description
    one, other = read_torch_file(written(tmp_path / "a.pth", older))
    assert one.tolist() == [0, 1, 2] and other.tolist() == [7, 8]


@pytest.mark.parametrize("place", ["alone", "in a tuple", "deeper", "as a dtype"])
def test_code_in_a_file_is_never_run(tmp_path: Path, place: str):
    target = tmp_path / "made by the file"
    evil = _Runs(f"touch '{target}'")
    content = {
        "alone": evil,
        "in a tuple": (np.arange(3.0), evil),
        "deeper": [np.arange(3.0), [evil]],
        "as a dtype": _Means(np.dtype, evil),
    }[place]
    torch.save(content, tmp_path / "a.pth")
    refused(tmp_path / "a.pth", "asks for `posix.system`, which no array needs; nothing in it was")
    assert not target.exists()
    with contextlib.suppress(TypeError):  # a dtype is not made of what `system` returns
        torch.load(tmp_path / "a.pth", weights_only=False)
    assert target.exists()  # so the file would have done it


@pytest.mark.parametrize(
    "called",
    [eval, getattr, bytearray, OrderedDict, subprocess.Popen, np.load, torch.load, print, exec],
)
def test_only_names_that_arrays_are_made_of_are_known(tmp_path: Path, called):
    torch.save(_Means(called, "print(1)"), tmp_path / "a.pth")
    refused(tmp_path / "a.pth", "which no array needs|makes no sense")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"a": 1}, "EMPTY_DICT is none of the steps"),
        ("text", "it holds str where arrays should be"),
        ((np.arange(2), None, 3), "it holds NoneType, int where arrays should be"),
        (np.array([object()]), "posix|other than numbers|which no array needs"),
        (np.array(["a"]), "other than numbers"),
        (np.zeros(2, [("x", "f4")]), "other than numbers"),
        (np.array([1j]), "other than numbers"),
        (torch.zeros(2, dtype=torch.bfloat16), "BFloat16Storage., which no array needs"),
        (torch.zeros(2).to_sparse(), "which no array needs"),
        (torch.nn.Linear(1, 1), "which no array needs"),
        ([[np.arange(2)]], "it holds list"),
    ],
    ids=(
        "dict",
        "text",
        "others",
        "objects",
        "words",
        "records",
        "complex",
        "bfloat16",
        "sparse",
        "module",
        "nested",
    ),
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path: Path, content, match: str):
    torch.save(content, tmp_path / "a.pth")
    refused(tmp_path / "a.pth", match)


def test_files_that_are_no_archives_of_torch_are_refused(tmp_path: Path):
    path = tmp_path / "a.pth"
    refused(path, "there is no such file")
    path.write_bytes(b"")
    refused(path, "no zip archive")
    path.write_bytes(pickle.dumps(np.arange(3)))
    refused(path, "no zip archive as torch.save has written since version 1.6")
    torch.save(np.arange(3), path, _use_new_zipfile_serialization=False)
    refused(path, "no zip archive")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", b"")
        file.writestr("b/data.pkl", b"")
    refused(path, "not in one folder")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"x" * 1000)
    refused(path, "compressed or encrypted")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/other", b"")
    refused(path, r"there is no data.pkl")
    refused(tmp_path, "cannot be read|no zip")


def test_a_tensor_that_announces_more_than_its_member_holds_is_refused(tmp_path: Path):
    """A reader that believes the count reads past the end of its memory."""
    torch.save(torch.zeros(4), tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as file:
        description = file.read("a/data.pkl")
    assert description.count(b"K\4") == 2  # numbers stored; size
    longer = description.replace(b"K\4", b"M\0\4")
    refused(
        written(tmp_path / "b.pth", longer, {"data/0": bytes(16)}),
        "data/0 has 16 bytes for 1024 numbers of type float32",
    )


def test_a_tensor_that_repeats_its_numbers_without_end_is_refused(tmp_path: Path):
    """One number with stride 0: a tensor of a thousand million in a file of one kilobyte."""
    torch.save(torch.zeros(1).expand(1_000_000_000), tmp_path / "a.pth")
    refused(tmp_path / "a.pth", "more numbers than the file holds")


def test_an_array_that_announces_more_than_its_bytes_is_refused(tmp_path: Path):
    description = pickle.dumps(np.arange(3.0), protocol=2)
    longer = description.replace(b"K\3\x85", b"J\0\0\0\x40\x85")
    assert longer != description
    refused(written(tmp_path / "a.pth", longer), r"shape \(1073741824,\) has 24 bytes")


def test_bytes_that_grow_are_refused(tmp_path: Path):
    """`encode(.., "hex")` doubles its bytes: thirty times over it would be a thousand million."""
    encode = b"c_codecs\nencode\n"
    hexes = b"X\x01\0\0\0aX\x03\0\0\0hex\x86R"
    refused(written(tmp_path / "a.pth", b"\x80\2" + encode + hexes + b"."), "another coding")
    text = b"X" + struct.pack("<I", 50_000) + b"a" * 50_000
    again = b"q\0" + b"".join(encode + b"h\0X\6\0\0\0latin1\x86R" for _ in range(400))
    refused(written(tmp_path / "b.pth", b"\x80\2" + text + again + b"."), "more numbers than")


def test_a_description_without_end_is_refused(tmp_path: Path):
    refused(
        written(tmp_path / "a.pth", b"\x80\2" + b")" * 100_000 + b"."), "step 4097: so many steps"
    )
    # Each tuple holds the one before twice: 2 ** 500 items, were they ever counted.
    nested = b"\x80\2)q\0" + b"h\0h\0\x86q\0" * 500 + b"h\0."
    refused(written(tmp_path / "b.pth", nested), "it holds tuple where arrays should be")


def test_a_member_that_announces_more_than_the_file_is_refused(tmp_path: Path):
    """The two lengths in the table of contents: what is packed (4 GB here), and what comes out."""
    path = written(tmp_path / "a.pth", b"\x80\2N.")
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2")
    for offset, match in ((20, "two lengths of a member"), (24, "members have 4294967280 bytes")):
        content[entry + offset : entry + offset + 4] = struct.pack("<I", 0xFFFFFFF0)
        path.write_bytes(content)
        refused(path, match)


def test_a_long_table_of_contents_is_refused_before_it_is_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(torch_file, "_LARGEST_DIRECTORY", 1000)
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(30):
            file.writestr(f"a/{number}", b"")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    refused(path, r"table of contents: it has \d+ bytes")


def test_a_large_file_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch):
    torch.save(np.arange(3), tmp_path / "a.pth")
    monkeypatch.setattr(torch_file, "LARGEST", 100)
    refused(tmp_path / "a.pth", "are more than the 100 that are read")


def _seeds(folder: Path) -> list[bytes]:
    folder.mkdir(exist_ok=True)
    scene = (np.ones((3, 3)), np.ones((3, 3)), np.array([0, 1, 1]), np.ones(3), np.arange(3))
    torch.save(scene, folder / "scene.pth")
    torch.save(torch.ones(2, 4), folder / "features.pth")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 1), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_a_mutated_file_is_read_or_refused(tmp_path_factory, which: int, seed: int, changes: int):
    folder = tmp_path_factory.getbasetemp() / "torch_file"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    content = bytearray(_seeds(folder / "seeds")[which])
    for _ in range(changes):
        content[rng.integers(len(content))] = rng.integers(256)
    if seed % 5 == 0:
        del content[rng.integers(len(content)) :]
    path = folder / "mutant.pth"
    path.write_bytes(content)
    try:
        assert all(isinstance(array, np.ndarray) for array in read_torch_file(path))
    except DataError as error:
        assert error.reason


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 1), st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_a_mutated_description_is_read_or_refused(tmp_path_factory, which, seed, changes):
    """The checksum would hide the description from most mutations of whole files."""
    folder = tmp_path_factory.getbasetemp() / "torch_description"
    folder.mkdir(exist_ok=True)
    _seeds(folder / "seeds")
    path = sorted((folder / "seeds").iterdir())[which]
    with zipfile.ZipFile(path) as file:
        description = bytearray(file.read(f"{path.stem}/data.pkl"))
    rng = np.random.default_rng(seed)
    steps = [code.code.encode("latin-1")[0] for code in pickletools.opcodes]
    for _ in range(changes):
        place = rng.integers(len(description))
        description[place] = rng.choice(steps) if seed % 2 else rng.integers(256)
    mutant = written(folder / "mutant.pth", bytes(description), {"data/0": bytes(32)})
    try:
        assert all(isinstance(array, np.ndarray) for array in read_torch_file(mutant))
    except DataError as error:
        assert error.reason


def test_the_reader_needs_no_torch():
    script = "import sys; import hcfres.data.prior.torch_file; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
