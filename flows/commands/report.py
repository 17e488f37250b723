"""The command that writes the tables."""

from typing import Annotated

import typer

from flows.commands.options import SettingOption, console


def report(
    setting: SettingOption = "rooms",
    from_mlflow: Annotated[
        bool, typer.Option("--from-mlflow", help="Read MLflow's runs, not the cells' folders.")
    ] = False,
    weights: Annotated[
        str, typer.Option(help="last, best_held_out or best_validation, in tables of their own.")
    ] = "last",
) -> None:
    """Write every table as Markdown and LaTeX, and the results, from the cells that are done."""
    from flows.report import weights_of, write_reports  # noqa: PLC0415

    kept = weights_of(weights)
    write_reports(console, setting, from_mlflow=from_mlflow, weights=kept)
