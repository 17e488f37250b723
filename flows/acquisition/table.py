"""The findings about a dataset as tables: the sums, then the worst; the full list in a file."""

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.acquisition.request import Asked
from hcfres.data.acquisition.access import where_to_get
from hcfres.data.acquisition.inventory import Inventory, Unit, tallies
from hcfres.data.acquisition.release import TITLES
from hcfres.data.acquisition.space import readable
from hcfres.data.files import write_bytes

_SHOWN = 20
_REASONS = 3
_MISSING = 8


def show(inventory: Inventory, asked: Asked, console: Console) -> None:
    """Print what is there and what is not, and write the list of everything to a file."""
    console.print(_sums(inventory))
    lacking = inventory.incomplete
    if lacking:
        console.print(_worst(inventory, lacking[:_SHOWN]))
        if len(lacking) > _SHOWN:
            console.print(f"... and {len(lacking) - _SHOWN} more that lack something")
    for note in inventory.notes:
        console.print(f"note: {escape(note)}", highlight=False, soft_wrap=True)
    listing = asked.workspace.data / "checks" / f"{inventory.target}.tsv"
    write_bytes(listing, _listing(inventory).encode())
    about = "about " if inventory.estimated else ""
    complete = len(inventory.units) - len(lacking)
    console.print(
        f"{inventory.root}: {complete} of {len(inventory.units)} complete, "
        f"{about}{readable(inventory.bytes_left)} to fetch; every file: {listing}"
        if lacking
        else f"{inventory.root}: complete; every file: {listing}",
        highlight=False,
        soft_wrap=True,
    )


def tell_json(inventory: Inventory, asked: Asked, console: Console) -> None:
    """Print everything as one JSON document."""
    told = inventory.as_json()
    told["where"] = {order.dataset: where_to_get(order) for order in asked.orders}
    console.file.write(json.dumps(told, indent=1) + "\n")


def _sums(inventory: Inventory) -> Table:
    table = Table("dataset", "files", title=f"{inventory.target}", title_justify="left")
    for name in ("there", "missing", "begun", "corrupt", "to fetch"):
        table.add_column(name, justify="right")
    about = "~" if inventory.estimated else ""
    for tally in tallies(inventory):
        left = f"{about}{readable(tally.bytes_left)}" if tally.bytes_left else ""
        counts = (tally.there, tally.missing, tally.begun, tally.corrupt)
        shown = [f"{count:,}" if count else "" for count in counts]
        if tally.corrupt:
            shown[3] = f"[red]{shown[3]}[/]"
        table.add_row(TITLES[tally.dataset], tally.kind, *shown, left)
    return table


def _worst(inventory: Inventory, units: tuple[Unit, ...]) -> Table:
    title = "what lacks something, the worst first"
    table = Table("", "missing", "corrupt", title=title, title_justify="left")
    table.add_column("to fetch", justify="right")
    about = "~" if inventory.estimated else ""
    for unit in units:
        absent = [item for item in unit.items if item.state in ("missing", "begun")]
        missing = ", ".join(
            f"{item.kind} ({item.reason})" if item.reason else item.kind
            for item in absent[:_MISSING]
        )
        if len(absent) > _MISSING:
            missing += f", and {len(absent) - _MISSING} more"
        corrupt = [f"{i.path}: {i.reason}" for i in unit.items if i.state == "corrupt"]
        told = "\n".join(corrupt[:_REASONS])
        left = f"{about}{readable(unit.bytes_left)}" if unit.bytes_left else ""
        table.add_row(unit.name, escape(missing), f"[red]{escape(told)}[/]" if told else "", left)
    return table


def _listing(inventory: Inventory) -> str:
    lines = ["dataset\tof\tfile\tstate\tbytes to fetch\treason"]
    for unit in inventory.units:
        for item in unit.items:
            reason = " ".join(item.reason.split())
            cells = (unit.dataset, unit.name, item.path, item.state, str(item.bytes_left), reason)
            lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"
