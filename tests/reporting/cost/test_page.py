"""The page of costs."""

from hcfres.evaluation.cost.definitions import DEFINITIONS, PARTS
from hcfres.reporting.cost.markdown import duration, millions, signed, table
from hcfres.reporting.cost.page import GPU_COMMANDS, render
from hcfres.reporting.cost.paper import Paper, PaperCost

from .fabricated import make_decoders, make_one_off, make_record

PAPER = Paper("scannet", {"ipdn": PaperCost(156.53, 535.0), "hcf_res": PaperCost(157.69, 523.0)})


def row(page: str, *beginning: str) -> list[str]:
    """The cells of the one row that begins so."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    (found,) = [cells for cells in rows if tuple(cells[: len(beginning)]) == beginning]
    return found


def test_every_definition_stands_before_the_numbers():
    page = render([make_record()], [], PAPER)
    for definition in DEFINITIONS:
        place = page.index(f"**{definition.name}**: {definition.sentence}.")
        assert place < page.index("## Parameters")
    assert all(what in page for what in PARTS.values())


def test_the_papers_numbers_stand_beside_ours_at_its_sizes():
    page = render([make_record("ipdn"), make_record()], [], PAPER)
    assert row(page, "paper") == ["paper", "156.53", "", "", "157.69", "", ""]
    assert row(page, "with the dead") == ["with the dead", "135.99", "", "", "135.99", "", ""]
    assert row(page, "warm scene to answer", "IPDN")[-1] == "535 ms of what?"


def test_the_two_methods_of_table_iv_are_held_against_each_other():
    page = render([make_record("ipdn"), make_record()], [], PAPER)
    assert "HCF_RES against IPDN, a warm scene to answer: +0.0 ms (+0.0 %)" in page
    assert "the paper has -12 ms (-2.2 %)" in page
    assert "against IPDN" not in render([make_record()], [], PAPER)


def test_at_other_sizes_the_paper_is_left_out():
    page = render([make_record(setting="rooms")], [], PAPER)
    assert "157.69" not in page
    assert row(page, "warm scene to answer", "HCF_RES")[-1] == "–"


def test_parameters_are_told_apart():
    page = render([make_record()], [], PAPER)
    assert row(page, "heads") == ["heads", "0.400", "–", "0.001"]
    assert row(page, "**all**") == ["**all**", "11.400", "124.000", "0.591"]


def test_a_latency_says_whether_it_is_cold_and_how_often_it_was_measured():
    page = render([make_record()], [], PAPER)
    warm = row(page, "warm scene to answer", "HCF_RES")
    assert warm[2:6] == ["250 ms", "68.0 ms", "74.8 ms", "20"]
    alone = row(page, "k-th expression of a scene", "HCF_RES")
    assert alone[2:6] == ["–", "20.0 ms", "22.0 ms", "20"]
    together = row(page, "k-th expression of a scene, 4 together, each", "HCF_RES")
    assert together[3] == "20.0 ms"


def test_the_parts_are_held_against_the_whole():
    page = render([make_record()], [], PAPER)
    assert row(page, "sum")[1] == "70.0 ms"
    assert row(page, "whole")[1] == "68.0 ms"
    assert row(page, "sum against whole")[1] == "+2.9 %"


def test_the_sweep_tells_throughput_and_memory():
    page = render([make_record(points=(20, 40))], [], PAPER)
    found = row(page, "HCF_RES", "40", "10", "4")
    assert found[4:] == ["30", "30.0 ms", "20.0 ms", "50.0", "36.4", "1,000 MB", "100 MB"]


def test_the_encoders_are_counted_up_to_a_scan():
    page = render([make_record(one_off=make_one_off())], [], PAPER)
    assert row(page, "SAM masks")[1:5] == ["frame", "60.0 s", "66.0 s", "20"]
    assert "A scan of 10 frames, counted up: 10 min." in page
    assert row(page, "new scan to first answer, counted up", "HCF_RES")[3] == "10 min"
    assert "CLIP is large, random weights, 428.000 M parameters (304.000 M see an image)" in page


def test_numbers_of_a_busy_machine_are_provisional():
    assert "**Provisional**" not in render([make_record(load=0.4)], [], PAPER)
    assert "(load 1.8 of 2 cores" in render([make_record(load=1.8)], [], PAPER)


def test_without_a_gpu_the_page_says_so_and_how_to_fill_it_in():
    page = render([make_record()], [make_decoders()], PAPER)
    assert "nothing here was measured on one" in page
    assert all(command in page for command in GPU_COMMANDS)


def test_a_gpus_numbers_stand_in_a_section_of_their_own():
    page = render([make_record(), make_record(device="cuda")], [make_decoders()], PAPER)
    assert "## `scannet` on A Processor" in page
    assert "## `scannet` on A GPU" in page
    assert page.count("## Parameters") == 1
    assert "No GPU" not in page


def test_decoders_are_compared_with_the_loops():
    page = render([], [make_decoders()], PAPER)
    assert row(page, "ours") == ["ours", "500 ms", "4.00", "3000 ms", "3.00"]
    assert "`aten::addmm` 25 % (250 calls), `aten::copy_` 5 % (3 calls)" in page
    assert "256 seeds, 128 queries, 3,000 superpoints, 8 expressions of 30 tokens" in page


def test_numbers_keep_about_three_digits():
    assert [duration(ms) for ms in (0.1234, 12.34, 1234.0, 12_345.0)] == [
        "0.12 ms",
        "12.3 ms",
        "1234 ms",
        "12.3 s",
    ]
    assert (millions(0), millions(1_234_567)) == ("–", "1.235")
    assert (signed(0.031), signed(-0.1)) == ("+3.1 %", "-10.0 %")


def test_words_stand_left_and_numbers_right():
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
