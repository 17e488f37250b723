from dataclasses import replace

from hcfres.reporting.table import Column, Line, Number, Table
from hcfres.reporting.text import latex, markdown

COLUMNS = (
    Column("ZT w/ / w/o Acc@0.25", ("val/zt_w_d/acc_25", "val/zt_wo_d/acc_25")),
    Column("mIoU", ("val/all/miou",)),
)
LINES = (
    Line("M3DRef-CLIP", None, ((39.2, 81.6), (37.4,)), "does not run here; quoted from the paper"),
    Line("MDIN", ((Number(10.0), Number(20.0)), (Number(30.0, 0.5),)), ((22.2, 67.2), (45.8,))),
    Line("HCF_RES", ((Number(12.0), None), (Number(40.0, 0.25),)), ((47.9, 86.0), (53.5,))),
)
TABLE = Table("table2", "Table II", "100 % rooms.", "Method", COLUMNS, LINES, "rooms")


def test_markdown_prints_ours_the_papers_and_the_difference():
    assert markdown(TABLE) == (
        "# Table II\n"
        "\n"
        "100 % rooms.\n"
        "\n"
        "| Method |  | ZT w/ / w/o Acc@0.25 | mIoU |\n"
        "| --- | --- | ---: | ---: |\n"
        "| M3DRef-CLIP | ours: does not run here; quoted from the paper | – | – |\n"
        "|  | paper, ScanNet | <u>39.2</u> / <u>81.6</u> | 37.4 |\n"
        "| MDIN | ours, rooms | <u>10.0</u> / 20.0 | <u>30.0 ± 0.5</u> |\n"
        "|  | paper, ScanNet | 22.2 / 67.2 | <u>45.8</u> |\n"
        "|  | difference | -12.2 / -47.2 | -15.8 |\n"
        "| HCF_RES | ours, rooms | **12.0** / – | **40.0 ± 0.2** |\n"
        "|  | paper, ScanNet | **47.9** / **86.0** | **53.5** |\n"
        "|  | difference | -35.9 / – | -13.5 |\n"
    )


def test_latex_escapes_what_latex_would_read_as_code():
    told = latex(TABLE)
    assert r"\caption{Table II. 100 \% rooms.}" in told
    assert r"HCF\_RES & ours, rooms & \textbf{12.0} / --" in told
    assert r"\underline{30.0 $\pm$ 0.5}" in told


def test_latex_has_marks_and_commands_that_it_knows():
    line = replace(LINES[0], label="✓ VSD ✗ MLF", remark="not run: `hcfres train mdin_x`")
    told = latex(replace(TABLE, lines=(line,)))
    assert r"\checkmark{} VSD $\times$ MLF" in told
    assert r"\texttt{hcfres train mdin\_x}" in told
    assert told.isascii()


def test_a_column_that_does_not_compare_has_no_difference_and_says_why():
    time = Column("Time (ms)", ("cost/ms",), 0, scale=1.0, comparable=False, note="On a laptop.")
    line = Line("MDIN", ((Number(103.0),),), ((523.0,),))
    told = markdown(replace(TABLE, columns=(time,), lines=(line,)))
    assert "100 % rooms. On a laptop." in told
    assert "| MDIN | ours, rooms | 103 |" in told
    assert "|  | difference | – |" in told


def test_both_print_the_same_numbers():
    def numbers(text):
        kept = "".join(c if c.isdigit() or c in ".-" else " " for c in text)
        return [part for part in kept.split() if any(c.isdigit() for c in part)]

    body = markdown(TABLE).split("---: |\n")[1]
    told = latex(TABLE).split(r"\midrule")[1]
    assert numbers(body) == [n for n in numbers(told.replace("--", "")) if n != "-"]
