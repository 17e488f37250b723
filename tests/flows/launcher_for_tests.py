"""A launcher that writes cells instead of training them, so that it can be killed at any moment.

`python -m tests.flows.launcher_for_tests FOLDER STORAGE WANTED SECONDS`
"""

import sys
import time
from pathlib import Path

from flows.search.storage import study_storage
from flows.search.study import Outcome, Study
from tests.flows.searches import EPOCHS, cells_in, learn, worth


def main(folder: Path, storage: str, wanted: int, seconds: float) -> None:
    """Search until enough was asked for, telling the key of each cell that is begun.

    Args:
        folder: of experiments and workspace.
        storage: the address of a database, or "" for a journal of our own.
        wanted: different cells.
        seconds: between the fifth epoch of a cell and its last.
    """
    cells = cells_in(folder)
    with study_storage(cells, storage or None, heartbeat_s=1) as place:
        study = Study(cells, place, wanted)
        study.begin()
        while (asked := study.next()) is not None:
            with study.alive(asked):
                learn(asked.planned, worth(asked.planned), epochs=EPOCHS - 1)
                print(asked.planned.key, flush=True)  # noqa: T201  the test listens
                time.sleep(seconds)
                learn(asked.planned, worth(asked.planned))
            study.tell(asked, Outcome("done"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
