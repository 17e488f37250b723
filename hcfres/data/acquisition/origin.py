"""Where files come from: a folder, a zip archive, or a server, each laid out as the release is."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar, runtime_checkable
from urllib.parse import quote

import httpx

from hcfres.data.acquisition.archives import archive_members, extract_members
from hcfres.data.acquisition.download import Patience, download, open_client, remote_size
from hcfres.data.acquisition.partial import SUFFIX
from hcfres.data.acquisition.release import ARCHIVES, ReleaseFile
from hcfres.data.acquisition.space import promised
from hcfres.data.acquisition.transfer import NotThereError, Wanted, plain
from hcfres.data.errors import DataError
from hcfres.store.errors import writing_failed
from hcfres.store.files import sync

Told = Callable[[int, int | None], None]
T = TypeVar("T")
_BLOCK = 1 << 20


@runtime_checkable
class Origin(Protocol):
    """A source of the release's files."""

    def place(self, file: ReleaseFile) -> Path | None:
        """Give the file where it lies, when it can be read there."""
        ...

    def size(self, file: ReleaseFile) -> int | None:
        """Give the bytes that have to be fetched; None when nobody knows.

        Raises:
            DataError: the file is not there, or cannot be had.
        """
        ...

    def fetch(self, file: ReleaseFile, target: Path, told: Told = lambda *_: None) -> str:
        """Put the file at `target`, whole, and say where it came from.

        Raises:
            DataError: the file is not there, or cannot be had.
        """
        ...


def open_origin(source: str, cache: Path, patience: Patience | None = None) -> Origin:
    """Open what the user named after --from.

    Args:
        source: an http or https address, a folder, or a zip archive (a file, or an address whose
            path ends in .zip).
        cache: folder for an archive that has to be fetched before it can be unpacked.
        patience: with a server.

    Raises:
        DataError: it is none of these.
    """
    if source.lower().startswith(("http://", "https://")):
        try:
            url = httpx.URL(source)
        except httpx.InvalidURL as error:
            raise DataError("--from", f"this is no address: {error}", _EXAMPLE) from None
        if not url.host:
            raise DataError("--from", "this address names no server", _EXAMPLE)
        if url.path.lower().endswith(".zip"):
            return ServedArchive(url, cache, patience)
        return Server(url, patience)
    place = Path(source).expanduser()
    if place.is_dir():
        return Folder(place)
    if place.is_file() and place.suffix.lower() == ".zip":
        return Archive(place)
    if "://" in source:
        raise DataError("--from", "only http and https addresses are fetched from", _EXAMPLE)
    raise DataError(place, "there is no such folder or zip archive", _EXAMPLE)


_EXAMPLE = "Give a folder, a zip archive, or an address that starts with http:// or https://"


class Folder:
    """A copy of the release on a disk of the user's; nothing in it is ever changed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, file: ReleaseFile) -> Path | None:
        """As `Origin.place`."""
        paths = (self._root / address for address in file.addresses)
        return next((path for path in paths if path.is_file()), None)

    def size(self, file: ReleaseFile) -> int | None:
        """As `Origin.size`; recordings are read where they are, which takes no bytes."""
        if (path := self.place(file)) is not None:
            return 0 if file.kind == "recording" else path.stat().st_size
        archive, member = self._archived(file)
        return archive_members(archive)[member]

    def fetch(self, file: ReleaseFile, target: Path, told: Told = lambda *_: None) -> str:
        """As `Origin.fetch`."""
        if (path := self.place(file)) is not None:
            if target.exists() and path.samefile(target):
                reason = "this is the file that is to be replaced"
                raise DataError(path, reason, "Give --from another copy of the release")
            copy_file(path, target, told)
            return str(path)
        archive, _ = self._archived(file)
        return Archive(archive).fetch(file, target, told)

    def _archived(self, file: ReleaseFile) -> tuple[Path, str]:
        """The archive in this folder that holds a file, and the member's name."""
        candidates = [self._root / name for name in ARCHIVES.get(file.dataset, ())]
        for archive in filter(Path.is_file, candidates):
            if (member := member_of(archive, file)) is not None:
                return archive, member
        raise _not_there(self._root, file)


class Archive:
    """A zip archive with the files in it, in whatever folder of the archive."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self, file: ReleaseFile) -> Path | None:
        """As `Origin.place`: what is packed cannot be read where it is."""
        return None

    def size(self, file: ReleaseFile) -> int | None:
        """As `Origin.size`."""
        return archive_members(self._path)[self._member(file)]

    def fetch(self, file: ReleaseFile, target: Path, told: Told = lambda *_: None) -> str:
        """As `Origin.fetch`."""
        member = self._member(file)
        beside = target.with_name(f"{target.name}.unpacked")
        try:
            (unpacked,) = extract_members(self._path, beside, [member])
            size = unpacked.stat().st_size
            unpacked.replace(target)
            told(size, size)
        except OSError as error:
            raise writing_failed(target, error) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return f"{self._path}, {member}"

    def _member(self, file: ReleaseFile) -> str:
        if (found := member_of(self._path, file)) is None:
            raise _not_there(self._path, file)
        return found


class Server:
    """An address under which the release lies; the query of a signed address is kept."""

    def __init__(self, url: httpx.URL, patience: Patience | None = None) -> None:
        self._url, self._patience = url, patience
        self._client = open_client(patience)
        self._worked: dict[str, int] = {}
        """Which of the addresses of a kind of file was there the last time."""

    def place(self, file: ReleaseFile) -> Path | None:
        """As `Origin.place`."""
        return None

    def size(self, file: ReleaseFile) -> int | None:
        """As `Origin.size`."""

        def ask(url: str) -> int | None:
            wanted = Wanted(url, Path(file.path))
            return remote_size(url, self._client, wanted, self._patience)

        return self._first(file, ask)[1]

    def fetch(self, file: ReleaseFile, target: Path, told: Told = lambda *_: None) -> str:
        """As `Origin.fetch`."""

        def get(url: str) -> None:
            download(Wanted(url, target), self._client, self._patience, told)

        return plain(self._first(file, get)[0])

    def _first(self, file: ReleaseFile, ask: Callable[[str], T]) -> tuple[str, T]:
        """The first address that has the file; the one that did the last time is asked first."""
        order = sorted(range(len(file.addresses)), key=lambda i: i != self._worked.get(file.kind))
        for number in order:
            url = self._address(file.addresses[number])
            try:
                answer = ask(url)
            except NotThereError:
                continue
            self._worked[file.kind] = number
            return url, answer
        tried = ", ".join(file.addresses)
        reason = f"{plain(str(self._url))} has no such file; asked for: {tried}"
        raise NotThereError(Path(file.path), reason, "Check the address given to --from")

    def _address(self, address: str) -> str:
        path = f"{self._url.path.rstrip('/')}/{quote(address)}"
        query = self._url.query
        raw = path.encode() + (b"?" + query if query else b"")
        return str(self._url.copy_with(raw_path=raw))


class ServedArchive:
    """A zip archive at an address; it is fetched once, and kept until it is no longer needed."""

    def __init__(self, url: httpx.URL, cache: Path, patience: Patience | None = None) -> None:
        self._url, self._patience = str(url), patience
        self._archive = cache / PurePosixPath(url.path).name

    def place(self, file: ReleaseFile) -> Path | None:
        """As `Origin.place`."""
        return None

    def size(self, file: ReleaseFile) -> int | None:
        """As `Origin.size`: what the archive will unpack to is known when it is here."""
        return None

    def fetch(self, file: ReleaseFile, target: Path, told: Told = lambda *_: None) -> str:
        """As `Origin.fetch`."""
        if not self._archive.exists():
            with open_client(self._patience) as client:
                download(Wanted(self._url, self._archive), client, self._patience, told)
        try:
            Archive(self._archive).fetch(file, target, told)
        except DataError:
            self._archive.unlink(missing_ok=True)  # the next run fetches it anew
            raise
        return plain(self._url)

    def forget(self) -> None:
        """Delete the archive, once everything is unpacked."""
        self._archive.unlink(missing_ok=True)


def member_of(archive: Path, file: ReleaseFile) -> str | None:
    """Find a file in an archive by its name, in the fewest folders; None when it is not there."""
    name = PurePosixPath(file.path).name
    found = [member for member in archive_members(archive) if PurePosixPath(member).name == name]
    return min(found, key=lambda member: (member.count("/"), member), default=None)


def copy_file(source: Path, target: Path, told: Told = lambda *_: None) -> None:
    """Copy a file, whole or not at all.

    Raises:
        DataError: the source changed meanwhile or cannot be read; too little room on the disk.
        StoreError: the disk is full.
    """
    beside = target.with_name(f"{target.name}.{os.getpid()}{SUFFIX}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        size = source.stat().st_size
        with (
            promised(target, size, str(source)),
            source.open("rb") as old,
            beside.open("wb") as new,
        ):
            copied = 0
            while block := old.read(_BLOCK):
                copied += new.write(block)
                told(copied, size)
            sync(new)
        if copied != size:
            raise DataError(source, f"{copied} bytes of {size} were read", "Copy it again")
        beside.replace(target)
    except OSError as error:
        raise writing_failed(target, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _not_there(place: Path, file: ReleaseFile) -> NotThereError:
    tried = ", ".join(file.addresses)
    return NotThereError(place, f"there is no {tried}", "Check what was given to --from")
