"""One stage of the line at a time, as the command line offers it."""

from rich.console import Console

from flows import make_home
from flows.acquisition.check import check_or_fetch
from flows.acquisition.request import Request, resolve
from flows.places import experiment_file, method_file, setting_file
from flows.planning.preflight import load_describable, require_rooms
from flows.prefect_server import start_server
from flows.reproduce import Asked, reproduce_and_report
from flows.workers.sites import require_site
from flows.workers.where import Where
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.errors import DataError
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace

_METHODS = "table2_multi3drefer"
"""The table whose rows are methods."""


def run_acquire(request: Request, console: Console) -> bool:
    """Make, check or fetch a dataset; False when something is still missing."""
    asked = resolve(request, Workspace())
    require_rooms(asked.setting)
    if request.check or not asked.makes_rooms:
        return check_or_fetch(asked, console)
    make_home()
    start_server()
    from flows.acquire import acquire  # noqa: PLC0415  imports Prefect
    from flows.session import open_session  # noqa: PLC0415

    with open_session(Workspace(), console) as session:
        dataset = acquire(asked.setting, session)
    scans = {split: len(dataset.scene_ids(split)) for split in ("train", "val")}
    console.print(f"{dataset.root}: {scans['train']} training and {scans['val']} validation scans")
    return True


def run_prepare(setting: str, on: Where, console: Console) -> None:
    """Cut the scenes of a setting into superpoints."""
    config = load_setting(setting_file(setting))
    method = load(method_file("mdin"), MethodConfig)
    require_rooms(config)
    require_site(on, Workspace())
    make_home()
    start_server()
    from flows.prepare import prepare  # noqa: PLC0415
    from flows.session import open_session  # noqa: PLC0415

    with open_session(Workspace(), console, on=on) as session:
        prepare(config, method, session)


def run_describe(setting: str, method: str, on: Where, console: Console) -> None:
    """Run the frozen encoders of a setting over its frames and sentences."""
    config, chosen = load_describable(setting, method, Workspace())
    require_site(on, Workspace())
    make_home()
    start_server()
    from flows.describe import describe  # noqa: PLC0415
    from flows.session import open_session  # noqa: PLC0415

    with open_session(Workspace(), console, on=on) as session:
        describe(config, chosen, session)


def run_cell(
    method: str, setting: str, seed: int | None, processes: int, on: Where, console: Console
) -> None:
    """Train and evaluate one method: a row of Table II with one seed."""
    name = load(method_file(method), MethodConfig).name
    seeds = (seed,) if seed is not None else ()
    table = experiment_file(_METHODS)
    reproduce_and_report(Asked(table, setting, name, seeds, processes=processes, on=on), console)


def verify_store(console: Console) -> None:
    """Hash every stored result.

    Raises:
        DataError: some are damaged; they were moved aside and are made anew when asked for.
    """
    store = Store(Workspace().store)
    total = sum(1 for _ in store.entries())
    damaged = store.verify()
    if damaged:
        names = ", ".join(str(path) for path in damaged[:5])
        raise DataError(
            store.root,
            f"{len(damaged)} of {total} results are damaged, now aside: {names}",
            "Run the same grid again and they are made anew",
        )
    console.print(f"{store.root}: all {total} results are what was written")
