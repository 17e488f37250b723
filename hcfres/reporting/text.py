"""A table written as Markdown and as LaTeX; both print the same numbers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hcfres.reporting.table import Column, Number, Table, difference, ranks

_DASH = "–"


@dataclass(frozen=True)
class _Style:
    best: Callable[[str], str]
    second: Callable[[str], str]
    plain: Callable[[str], str]
    plus_minus: str


_MARKDOWN = _Style(
    lambda t: f"**{t}**", lambda t: f"<u>{t}</u>", lambda t: t.replace("|", "\\|"), " ± "
)
_LATEX_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "…": r"\dots{}",
    "–": "--",
    "✓": r"\checkmark{}",
    "✗": r"$\times$",
}
_COMMAND = re.compile("`([^`]*)`")
_LATEX = _Style(
    lambda t: rf"\textbf{{{t}}}",
    lambda t: rf"\underline{{{t}}}",
    lambda t: _COMMAND.sub(r"\\texttt{\1}", "".join(_LATEX_SPECIAL.get(c, c) for c in t)),
    r" $\pm$ ",
)


def markdown(table: Table) -> str:
    """Write the table as GitHub-flavoured Markdown."""
    header = [table.row_header, "", *(column.header for column in table.columns)]
    lines = [f"# {table.title}", "", _caption(table), ""]
    lines += [_bar(header), _bar(["---"] * 2 + ["---:"] * len(table.columns))]
    lines += [_bar(row) for row in _rows(table, _MARKDOWN)]
    lines += [f"\n{mark} {note}" for mark, note in _notes(table).values()]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """Write the table as a LaTeX `table` environment (needs booktabs and amssymb)."""
    header = [table.row_header, "", *(column.header for column in table.columns)]
    spec = "ll" + "r" * len(table.columns)
    body = [" & ".join(row) + r" \\" for row in _rows(table, _LATEX)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_LATEX.plain(table.title)}. {_LATEX.plain(_caption(table))}}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            " & ".join(_LATEX.plain(cell) for cell in header) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par {mark} {_LATEX.plain(note)}" for mark, note in _notes(table).values()),
            r"\end{table}",
            "",
        ]
    )


def _caption(table: Table) -> str:
    notes = [column.note for column in table.columns if column.note]
    return " ".join([table.caption, *notes])


def _notes(table: Table) -> dict[int, tuple[str, str]]:
    """By line: the mark of its note, and the note."""
    noted = [index for index, line in enumerate(table.lines) if line.note]
    return {
        index: (f"[{number}]", table.lines[index].note) for number, index in enumerate(noted, 1)
    }


def _bar(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rows(table: Table, style: _Style) -> list[list[str]]:
    ours_places, paper_places = ranks(table, "ours"), ranks(table, "paper")
    notes = _notes(table)
    rows = []
    for index, line in enumerate(table.lines):
        label = style.plain(line.label)
        mark = f" {notes[index][0]}" if index in notes else ""
        if line.ours is None:
            remark = style.plain(f"ours: {line.remark}{mark}")
            rows.append([label, remark, *[style.plain(_DASH)] * len(table.columns)])
        else:
            cells = [
                _cell([_number(n, c, style) for n in parts], ours_places, index, i, style)
                for i, (c, parts) in enumerate(zip(table.columns, line.ours, strict=True))
            ]
            remark = f"; {line.remark}{mark}" if line.remark else ""
            rows.append([label, style.plain(f"ours, {table.ours_on}{remark}"), *cells])
        paper = [
            _cell([_plain(v, c, style) for v in parts], paper_places, index, i, style)
            for i, (c, parts) in enumerate(zip(table.columns, line.paper, strict=True))
        ]
        rows.append(["", style.plain("paper, ScanNet"), *paper])
        if (gaps := difference(line, table.columns)) is not None:
            cells = [
                " / ".join(_signed(v, c, style) for v in parts)
                for c, parts in zip(table.columns, gaps, strict=True)
            ]
            rows.append(["", "difference", *cells])
    return rows


def _cell(
    parts: list[str], places: dict[tuple[int, int, int], int], row: int, column: int, style: _Style
) -> str:
    marked = []
    for part, text in enumerate(parts):
        place = places.get((row, column, part))
        mark = {1: style.best, 2: style.second}.get(place or 0, lambda t: t)
        marked.append(mark(text))
    return " / ".join(marked)


def _number(number: Number | None, column: Column, style: _Style) -> str:
    if number is None:
        return style.plain(_DASH)
    text = f"{number.mean:.{column.decimals}f}"
    if number.spread is None:
        return text
    return f"{text}{style.plus_minus}{number.spread:.{column.decimals}f}"


def _plain(value: float | None, column: Column, style: _Style) -> str:
    return style.plain(_DASH) if value is None else f"{value:.{column.decimals}f}"


def _signed(value: float | None, column: Column, style: _Style) -> str:
    return style.plain(_DASH) if value is None else f"{value:+.{column.decimals}f}"
