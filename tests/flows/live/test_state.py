"""What is shown of a running grid: on a terminal, elsewhere, and how long it says it takes."""

import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pyte
import pytest
from rich.console import Console

from flows.live.expectation import Expected, expectation
from flows.live.progress import Bar, Lines, ProgressBoard
from flows.live.state import LiveCell, grid_left_s
from flows.live.view import cell_table, headline, said_of
from hcfres.store.workspace import Workspace
from tests.flows.clock import Clock
from tests.flows.fabricated import finish, small_plan


@pytest.fixture
def clock():
    return Clock()


def report(epoch, left, held_out=None):
    return {
        "epoch": epoch,
        "epochs": 10,
        "losses": {"total": 2.5},
        "held_out_miou": held_out,
        "seconds_left": left,
    }


def cells_of(clock, *seconds):
    return [LiveCell(f"cell {n}", s, clock) for n, s in enumerate(seconds)]


def test_a_cell_waits_until_a_worker_takes_it(clock):
    (cell,) = cells_of(clock, 100.0)
    clock.now = 50.0
    assert (cell.state, cell.elapsed_s, cell.left_s()) == ("waiting", None, 100.0)
    cell.taken("cuda:1")
    clock.now = 80.0
    assert (cell.state, cell.elapsed_s, cell.left_s()) == ("training", 30.0, 70.0)


def test_a_cell_that_trains_takes_as_long_as_its_epochs_say(clock):
    (cell,) = cells_of(clock, 100.0)
    cell.taken("cpu")
    cell.trained(report(3, left=600.0, held_out=0.25))
    clock.now = 60.0
    assert cell.left_s() == 540.0
    assert cell.left_s(validation_s=30.0) == 570.0
    assert said_of(cell) == "cell 0: training, epoch 4/10, loss 2.500, held-out mIoU 25.0"


def test_waiting_cells_follow_on_the_worker_that_is_free_first(clock):
    cells = cells_of(clock, 100.0, 60.0, 50.0, 10.0)
    cells[0].taken("cpu")
    cells[1].taken("cpu")
    clock.now = 10.0
    # 90 and 50 are left; 50 follow on the second, until 100; 10 follow on the first, until 100
    assert grid_left_s(cells, workers=2) == 100.0
    assert grid_left_s(cells, workers=4) == 90.0


def test_cells_of_which_nothing_was_measured_take_what_the_running_ones_say(clock):
    cells = cells_of(clock, None, None, None)
    assert grid_left_s(cells, workers=1) is None
    cells[0].taken("cpu")
    assert grid_left_s(cells, workers=1) is None
    clock.now = 20.0
    cells[0].trained(report(0, left=180.0))
    assert grid_left_s(cells, workers=1) == 180.0 + 2 * 200.0


def test_what_is_done_failed_or_stopped_takes_no_time(clock):
    cells = cells_of(clock, 10.0, 10.0, 10.0, 10.0)
    for cell, state in zip(cells, ("done", "failed", "stopped"), strict=False):
        cell.ends(state)
    assert grid_left_s(cells, workers=1) == 10.0
    assert headline(cells, 10.0, True) == (
        "1 of 4 cells done, 1 failed, 1 stopped, about 10 s left"
    )
    assert headline(cells, 10.0, False).endswith("more than 10 s left")


def test_a_cell_that_is_tried_again_waits_once_more(clock):
    (cell,) = cells_of(clock, 10.0)
    cell.taken("cpu")
    cell.tries_again("the worker hung")
    assert said_of(cell) == "cell 0: waiting, again, after: the worker hung"
    cell.taken("cpu")
    assert said_of(cell) == "cell 0: training"


def test_what_was_measured_here_is_expected_of_a_grid(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_DEVICE", "cpu")
    workspace = Workspace(tmp_path)
    finish(small_plan(workspace).cells[0], {}, seconds=60.0)
    found = expectation(small_plan(workspace), accept_code=False, workers=4, processes=2)
    assert found.workers == 2
    assert [label for label, _ in found.cells.values()] == [
        "mlf, seed 1999",
        "vsd, seed 1999",
        "vsd+mlf, seed 1999",
    ]
    assert {seconds for _, seconds in found.cells.values()} == {60.0}
    assert found.stages["sentences"] is None


def test_stages_to_come_count_and_unknown_ones_make_it_more_than_that(clock):
    board = ProgressBoard(Console(file=io.StringIO()), clock)
    board.expect(Expected(1, {"masks": 30.0, "instances": 20.0}, {"a": ("a", 100.0)}))
    assert board.left_s() == (150.0, True)
    with board.bar("masks", 4) as bar:
        assert board.left_s() == (150.0, True)
        clock.now = 10.0
        bar.advance()
        assert board.left_s() == (150.0, True)  # 30 of its own, 20, 100
        bar.advance()
        assert board.left_s() == (130.0, True)
    assert board.left_s() == (120.0, True)
    board.expect(Expected(1, {"instances": None}, {"a": ("a", 100.0)}))
    assert board.left_s() == (100.0, False)


def test_without_a_terminal_there_are_plain_lines_at_most_one_each_ten_seconds(clock):
    told = io.StringIO()
    board = ProgressBoard(Console(file=told), clock)
    with board.open(), board.bar("masks", 100) as bar:
        for _ in range(100):
            clock.now += 0.5
            bar.advance(note="scene0001_00")
    lines = told.getvalue().splitlines()
    assert lines[0] == "masks: 21/100, about 40 s left scene0001_00"
    assert lines[-1] == "masks: 100/100, 50 s"
    assert len(lines) == 5
    assert "\x1b" not in told.getvalue()


def test_lines_of_many_cells_share_the_ten_seconds_and_name_what_ended_at_once(clock):
    told = io.StringIO()
    board = ProgressBoard(Console(file=told, width=40), clock)
    board.expect(Expected(2, {}, {key: (f"cell {key}", None) for key in "abc"}))
    first, second = board.cell("a", ""), board.cell("b", "")
    first.taken("cpu")
    second.taken("cpu")
    for epoch in range(5):
        clock.now += 3.0
        first.trained(report(epoch, left=3.0 * (9 - epoch)))
        second.trained(report(epoch, left=3.0 * (9 - epoch)))
    first.ends("done")
    second.ends("failed", "out of [memory]")
    lines = told.getvalue().splitlines()
    assert lines == [
        "0 of 3 cells done, about 48 s left; cell a: training, epoch 4/10, loss 2.500; "
        "cell b: training, epoch 3/10, loss 2.500",
        "cell a: done, loss 2.500, in 15 s",
        "cell b: failed, out of [memory]",
    ]


def test_where_there_is_no_room_the_cells_that_are_at_work_are_shown(clock):
    cells = cells_of(clock, *[None] * 40)
    for cell in cells[:10]:
        cell.ends("done")
    cells[20].taken("cpu")
    cells[21].ends("failed", "x" * 500)
    console = Console(file=io.StringIO(), width=80)
    console.print(cell_table(cells, room=6, columns=80))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 7
    assert " ".join(lines[0].split()) == "cell state epoch loss held-out device elapsed left"
    assert any("cell 20" in line and "training" in line for line in lines)
    assert any("cell 21" in line and "failed" in line and "…" in line for line in lines)
    assert lines[-1].strip() == "and 10 done, 25 waiting"


def test_a_bar_of_its_own_needs_no_board(clock):
    told = io.StringIO()
    bar = Bar("frames", 4, None, Lines(Console(file=told), clock), clock)
    clock.now = 11.0
    bar.advance()
    assert told.getvalue() == "frames: 1/4, about 33 s left\n"


SCRIPT = """
import time
from rich.console import Console
from flows.live.expectation import Expected
from flows.live.progress import ProgressBoard

report = {"epochs": 3, "losses": {"total": 2.5}, "held_out_miou": 0.25, "seconds_left": 4.0}
board = ProgressBoard(Console())
with board.open():
    board.expect(Expected(2, {}, {key: (f"row {key}", 60.0) for key in "abc"}))
    with board.bar("masks", 2) as bar:
        bar.advance()
        time.sleep(1.0)
        bar.advance()
    for key in "ab":
        board.cell(key, "").taken("cpu")
    board.cell("a", "").trained({"epoch": 0, **report})
    time.sleep(1.0)
    board.cell("a", "").ends("done")
    board.cell("b", "").ends("failed", "the worker on cpu hung")
    time.sleep(0.5)
"""


def on_terminal(arguments, columns=100, rows=30):
    """Run a program on a terminal: every screen it showed, and all that it wrote."""
    ours, its = pty.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=Path(__file__).resolve().parents[3],
        env={**kept, "TERM": "xterm-256color"},
    )
    os.close(its)
    screen = pyte.Screen(columns, rows)
    stream, screens, written = pyte.ByteStream(screen), [], b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:
            break
        written += some
        stream.feed(some)
        screens.append([line.rstrip() for line in screen.display if line.strip()])
    os.close(ours)
    assert process.wait() == 0
    return screens, written


def test_a_terminal_shows_one_table_that_is_redrawn_in_its_place():
    screens, written = on_terminal(["-c", SCRIPT])
    joined = ["\n".join(screen) for screen in screens]
    drawn = [told for told in joined if told.count("row ") == 3]  # others were read half-way
    early = next(told for told in drawn if "masks " in told and "1/2" in told)
    assert re.search(r"0 of 3 cells done, about 2 min left\nmasks +━", early)
    assert early.count("waiting") == 3
    middle = next(told for told in drawn if "2.500" in told)
    assert re.search(r"row a +training +1/3 +2\.500 +25\.0 +cpu +\d s +[34] s", middle)
    assert re.search(r"row c +waiting", middle)
    assert screens[-1][0] == "masks: 2/2, 1 s"
    assert screens[-1][1] == "row b: failed, the worker on cpu hung"
    assert screens[-1][2].startswith("1 of 3 cells done, 1 failed, about ")
    assert re.search(r"row b +failed the worker on cpu hung", screens[-1][5])
    assert joined[-1].count("row a") == 1
    assert written.rstrip().endswith(b"\x1b[?25h")  # the cursor is back


def test_what_was_done_before_says_nothing_of_a_bars_pace(clock):
    told = io.StringIO()
    board = ProgressBoard(Console(file=told), clock)
    with board.bar("trials", 24, 20) as bar:
        assert bar.left_s is None
        clock.now = 60.0
        bar.advance()
        assert bar.left_s == 180.0
    assert told.getvalue().splitlines()[0] == "trials: 21/24, about 180 s left"
