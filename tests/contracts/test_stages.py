"""The code of no stage, of no cell and of the rooms changes unnoticed."""

import ast
from dataclasses import replace
from functools import cache

import pytest

from hcfres.pipeline.guard import (
    GuardError,
    complaints,
    record_no_effect,
    record_raised,
)
from hcfres.pipeline.stages import STAGES
from hcfres.pipeline.versions import CELL_CODE, CELL_VERSION, GUARDED, ROOMS, Guarded
from hcfres.store.closure import Unit, closure
from hcfres.store.modules import Package
from hcfres.store.normal_form import names_of, normal_form, without_docstrings
from hcfres.store.recorded import recorded
from hcfres.store.stage import PACKAGE, sources
from tests.store.mutants import mutated, sites, with_mutant

OF_ALL = sources(CELL_CODE[0])
CELLS = Guarded("cells", CELL_VERSION, CELL_CODE, "hcfres/pipeline/versions.py")
BY_NAME = {item.name: item for item in (*GUARDED, CELLS)}
MOST = 2
"""Mutations tried of each watched function."""


def test_no_guarded_code_differs_from_its_record() -> None:
    assert complaints(recorded()) == ()


def test_stages_have_names_of_their_own_and_their_makers_exist() -> None:
    assert len(BY_NAME) == len(STAGES) + 2
    for stage in STAGES:
        module, _, name = stage.maker.partition(":")
        found = OF_ALL.module(module)
        assert found is not None and name in found.definitions


def _units() -> dict[Unit, str]:
    """Everything that the rooms or any stage reach, and which of them reaches least besides."""
    found: dict[Unit, str] = {}
    reached = {item.name: closure(item.roots, OF_ALL).reached for item in GUARDED}
    for name in sorted(reached, key=lambda name: len(reached[name])):
        for unit in reached[name]:
            found.setdefault(unit, name)
    return found


def _parts(unit: Unit) -> list[ast.AST]:
    """The code of a unit; of a class without its methods, which are units of their own."""
    module = OF_ALL.module(unit.module)
    assert module is not None
    name, _, method = unit.name.partition("@")[0].partition(".")
    node = module.definitions.get(name)
    if node is None:
        return list(module.statements[name])
    if method:
        return [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == method]
    if isinstance(node, ast.ClassDef):
        fields = [n for n in node.body if not isinstance(n, ast.FunctionDef)]
        return [*node.decorator_list, *without_docstrings(fields)]
    return [node]


def _mutants(unit: Unit) -> list[tuple[ast.AST, ast.AST, str]]:
    """A part of the unit, a node in it, and what of the node can be changed."""
    return [(part, node, key) for part in _parts(unit) for node, key in sites(part)]


@cache
def _before(guarded: str) -> str:
    return closure(BY_NAME[guarded].roots, OF_ALL).fingerprint()


def _is_caught(unit: Unit, guarded: str, mutant: tuple[ast.AST, ast.AST, str]) -> bool:
    module = OF_ALL.module(unit.module)
    assert module is not None
    before = _before(guarded)
    part, node, key = mutant
    with mutated(node, key):
        mutants = with_mutant(OF_ALL, module, part)
        changed = closure(BY_NAME[guarded].roots, mutants).fingerprint()
    return changed != before


def _missed(every_unit: int, most: int) -> list[str]:
    """Mutations that no fingerprint shows.

    Args:
        every_unit: look at every so many-th unit.
        most: mutations of each unit, evenly spread.
    """
    units = list(_units().items())[::every_unit]
    return [told for unit, guarded in units for told in _missed_of(unit, guarded, most)]


def _missed_of(unit: Unit, guarded: str, most: int) -> list[str]:
    mutants = _mutants(unit)
    step = max(len(mutants) // most, 1)
    return [
        f"{unit.module}:{unit.name}: {mutant[2]} of {ast.dump(mutant[1])}"
        for mutant in mutants[len(mutants) // 2 % step :: step]
        if not _is_caught(unit, guarded, mutant)
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "flows.cells.jobs:train",
        "flows.cells.jobs:evaluate",
        "hcfres.training.order:split_spaces",
        "hcfres.evaluation.cost.passes:Laps.end",
        *(
            pytest.param(reference, marks=pytest.mark.slow)
            for reference in (
                "flows.cells.jobs:_split",
                "flows.cells.jobs:_cost",
                "flows.cells.jobs:time_warm_scenes",
                "flows.cells.jobs:_question",
                "flows.cells.jobs:Truths.truth",
                "hcfres.training.order:space_of",
                "hcfres.evaluation.evaluate:rules_of",
                "hcfres.evaluation.evaluate:held_out_miou",
                "hcfres.evaluation.cost.parameters:count_parameters",
                "hcfres.evaluation.cost.measure:warm_times",
            )
        ),
    ],
)
def test_a_mutation_of_what_decides_a_cells_numbers_changes_the_code_of_cells(
    reference: str,
) -> None:
    module, _, name = reference.partition(":")
    unit = Unit(module, name)
    assert _mutants(unit)
    assert _missed_of(unit, "cells", MOST) == []


def test_a_mutation_of_the_logic_of_the_sentences_changes_the_code_of_the_rooms() -> None:
    module = OF_ALL.module("hcfres.data.rooms.logic")
    assert module is not None
    functions = [n for n, d in module.definitions.items() if isinstance(d, ast.FunctionDef)]
    assert "evaluate" in functions
    for name in functions:
        assert _missed_of(Unit(module.name, name), "rooms", most=1) == []


def test_every_module_of_the_rooms_maker_counts_as_its_code() -> None:
    reached = {unit.module for unit in closure(ROOMS.roots, OF_ALL).reached}
    files = {f"hcfres.data.rooms.{path.stem}" for path in (PACKAGE / "data/rooms").glob("*.py")}
    assert files - reached == {"hcfres.data.rooms.__init__"}


def test_cells_leave_the_code_of_stages_and_rooms_to_their_versions() -> None:
    reached = {unit.module for unit in closure(CELL_CODE, OF_ALL).reached}
    assert not reached & {"hcfres.pipeline.makers", ROOMS.roots[0].partition(":")[0]}


def test_a_mutation_of_a_helper_changes_a_fingerprint() -> None:
    assert _missed(every_unit=16, most=1) == []


@pytest.mark.slow
def test_every_mutation_of_every_helper_of_any_stage_changes_its_normal_form() -> None:
    """And a fingerprint is the hash of the normal forms of everything reached."""
    units = _units()
    assert len(units) > 100
    for unit in units:
        for part, node, key in _mutants(unit):
            local = names_of(part).local if isinstance(part, ast.FunctionDef) else frozenset()
            before = normal_form([part], local)
            with mutated(node, key):
                assert normal_form([part], local) != before, f"{unit}: {key} of {ast.dump(node)}"


@pytest.mark.slow
def test_a_mutation_of_every_helper_of_any_stage_changes_a_fingerprint() -> None:
    assert _missed(every_unit=1, most=1) == []


def test_writing_every_module_anew_without_comments_changes_no_fingerprint() -> None:
    names = {unit.module for unit in _units()}
    modules = [OF_ALL.module(name) for name in names]
    written = {module.name: ast.unparse(module.tree) for module in modules if module}
    bare = Package(PACKAGE, written)
    for item in GUARDED:
        ours = closure(item.roots, OF_ALL).fingerprint()
        assert closure(item.roots, bare).fingerprint() == ours, item.name


STAGE = replace(BY_NAME["superpoints"], version=1)
NOW = {"version": 1, "fingerprint": STAGE.fingerprint()}
THEN = {"version": 1, "fingerprint": "0" * 16}


def test_changed_code_under_an_old_version_is_told_with_both_ways_out() -> None:
    (told,) = complaints({STAGE.name: THEN}, [STAGE])
    assert "its code changed" in told and "--raised superpoints" in told
    assert "--no-effect superpoints --because" in told


def test_a_stage_that_is_new_or_gone_or_raised_is_told() -> None:
    assert "not recorded" in complaints({}, [STAGE])[0]
    assert "no such stage" in complaints({STAGE.name: NOW, "old": THEN}, [STAGE])[0]
    assert "version 2, recorded 1" in complaints({STAGE.name: NOW}, [replace(STAGE, version=2)])[0]


def test_changed_rooms_are_told_where_their_version_is_raised() -> None:
    (told,) = complaints({"rooms": {"version": ROOMS.version, "fingerprint": "0" * 16}}, [ROOMS])
    assert "raise the version in hcfres/data/rooms/seeds.py" in told
    assert "--raised rooms" in told
    raised = replace(ROOMS, version=ROOMS.version + 1)
    assert complaints(record_raised({}, raised), [raised]) == ()


def test_a_change_cannot_be_recorded_as_a_raise_without_a_raise() -> None:
    with pytest.raises(GuardError, match="Raise it"):
        record_raised({STAGE.name: THEN}, STAGE)
    raised = replace(STAGE, version=2)
    told = record_raised({STAGE.name: THEN}, raised)
    assert complaints(told, [raised]) == ()
    assert "unchanged" not in told[STAGE.name]


def test_a_change_without_effect_needs_a_reason_and_keeps_what_was_known() -> None:
    with pytest.raises(GuardError, match="--because"):
        record_no_effect({STAGE.name: THEN}, STAGE, " ")
    with pytest.raises(GuardError, match="is not recorded"):
        record_no_effect({}, STAGE, "why")
    old = THEN | {"unchanged": {"1" * 16: "first"}}
    told = record_no_effect({STAGE.name: old}, STAGE, "second")
    assert told[STAGE.name]["unchanged"] == {"1" * 16: "first", "0" * 16: "second"}
    assert complaints(told, [STAGE]) == ()
