"""Where the datasets are to be had, in words: terms of use are for people to read and to sign."""

from hcfres.data.acquisition.order import Order
from hcfres.data.acquisition.release import ARCHIVES, ReleaseFile

_SCANNET = """\
ScanNet v2 is given to those who sign its terms of use. On the project's page, download the form \
ScanNet_TOS.pdf, fill it in, and send it from your institution's address to the one it names. The \
answer brings a download script; the address of the release stands at its top (BASE_URL). The two \
lists scannetv2_train.txt and scannetv2_val.txt are in ScanNet's public code repository, in \
Tasks/Benchmark; put them into {root} or beside the release.
Then:  hcfres acquire scannet --from ADDRESS{frames}
or, from a copy that is already on a disk:  hcfres acquire scannet --from FOLDER{frames}"""

_SCANREFER = """\
ScanRefer is given to those who fill in the form that the README of its public code repository \
links to (the licence is CC BY-NC-SA); the answer links to an archive.
Then:  hcfres acquire scanrefer --from ARCHIVE.zip   (or its address, or the unpacked folder)"""

_MULTI3DREFER = """\
Multi3DRefer is linked from its project's page as {archive}.
Then:  hcfres acquire multi3drefer --from {archive}   (or its address, or the unpacked folder)"""

_ROOMS = "Rooms are made, and repaired, on this machine:  hcfres acquire {setting}"


def where_to_get(order: Order) -> str:
    """Say how a dataset is had, and with which command its files then come."""
    if order.dataset == "rooms":
        return _ROOMS.format(setting=order.setting)
    if order.dataset == "scanrefer":
        return _SCANREFER
    if order.dataset == "multi3drefer":
        return _MULTI3DREFER.format(archive=ARCHIVES["multi3drefer"][0])
    frames = " --frames-every 10 --drop-sens" if order.frames else ""
    return _SCANNET.format(root=order.root, frames=frames)


def which_files(order: Order) -> str:
    """Name the files that the method needs, as the release names them."""
    example = "scene0000_00"
    files: tuple[ReleaseFile, ...] = order.shared_files()
    names = [file.path for file in files]
    if order.dataset == "scannet":
        scan = list(order.files_of(example))
        if order.frames:
            scan.append(order.recording_of(example))
        suffixes = [file.addresses[-1].removeprefix(f"{example}/{example}") for file in scan]
        names += [f"of each scan: <scan>{suffix}" for suffix in suffixes]
    return "\n".join(f"  {name}" for name in names)
