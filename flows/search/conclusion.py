"""What a search comes to: its winner, where one can be named, and the report."""

from flows.search.cells import SearchCells
from flows.search.report import Findings, write_report
from flows.search.trials import Trial
from flows.search.winner import candidates, winner_of, write_winner


def conclude(cells: SearchCells, trials: tuple[Trial, ...]) -> Findings:
    """Name the winner, where all that takes is there, and write its files and the report."""
    chosen = candidates(cells, trials)
    winner = winner_of(chosen, cells.search.config.confirm.within)
    if winner is not None:
        write_winner(cells, winner)
    found = Findings(cells, trials, chosen, winner)
    write_report(found)
    return found
