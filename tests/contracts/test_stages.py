"""No stage's code changes unnoticed."""

import ast
from dataclasses import replace

import pytest

from hcfres.pipeline.guard import (
    GuardError,
    complaints,
    record_no_effect,
    record_raised,
)
from hcfres.pipeline.stages import STAGES, recorded
from hcfres.store.closure import Unit, closure
from hcfres.store.modules import Package
from hcfres.store.normal_form import names_of, normal_form, without_docstrings
from hcfres.store.stage import PACKAGE
from tests.store.mutants import mutated, sites, with_mutant

OF_PACKAGE = Package(PACKAGE)
BY_NAME = {stage.name: stage for stage in STAGES}


def test_no_stages_code_differs_from_its_record() -> None:
    assert complaints(recorded()) == ()


def test_stages_have_names_of_their_own_and_their_makers_exist() -> None:
    assert len(BY_NAME) == len(STAGES)
    for stage in STAGES:
        module, _, name = stage.maker.partition(":")
        found = OF_PACKAGE.module(module)
        assert found is not None and name in found.definitions


def _units() -> dict[Unit, str]:
    """Everything that any stage reaches, and the stage that reaches least besides."""
    found: dict[Unit, str] = {}
    reached = {s.name: closure((s.maker, *s.also), OF_PACKAGE).reached for s in STAGES}
    for name in sorted(reached, key=lambda name: len(reached[name])):
        for unit in reached[name]:
            found.setdefault(unit, name)
    return found


def _parts(unit: Unit) -> list[ast.AST]:
    """The code of a unit; of a class without its methods, which are units of their own."""
    module = OF_PACKAGE.module(unit.module)
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


def _is_caught(unit: Unit, stage_name: str, mutant: tuple[ast.AST, ast.AST, str]) -> bool:
    module = OF_PACKAGE.module(unit.module)
    assert module is not None
    stage = BY_NAME[stage_name]
    roots = (stage.maker, *stage.also)
    part, node, key = mutant
    with mutated(node, key):
        changed = closure(roots, with_mutant(OF_PACKAGE, module, part)).fingerprint()
    return changed != stage.fingerprint()


def _missed(every_unit: int, most: int | None) -> list[str]:
    """Mutations that no fingerprint shows.

    Args:
        every_unit: look at every so many-th unit.
        most: mutations of each unit, evenly spread; None for all.
    """
    missed = []
    for unit, stage in list(_units().items())[::every_unit]:
        mutants = _mutants(unit)
        step = max(len(mutants) // most, 1) if most else 1
        for mutant in mutants[len(mutants) // 2 % step :: step]:
            if not _is_caught(unit, stage, mutant):
                missed.append(f"{unit.module}:{unit.name}: {mutant[2]} of {ast.dump(mutant[1])}")
    return missed


def test_a_mutation_of_a_helper_changes_the_fingerprint_of_a_stage() -> None:
    assert _missed(every_unit=5, most=1) == []


def test_a_mutation_of_any_helper_of_any_stage_changes_its_normal_form() -> None:
    """And a fingerprint is the hash of the normal forms of everything reached."""
    units = _units()
    assert len(units) > 100
    for unit in units:
        for part, node, key in _mutants(unit)[:2]:
            local = names_of(part).local if isinstance(part, ast.FunctionDef) else frozenset()
            before = normal_form([part], local)
            with mutated(node, key):
                assert normal_form([part], local) != before, f"{unit}: {key} of {ast.dump(node)}"


@pytest.mark.slow
def test_every_mutation_of_every_helper_of_any_stage_is_caught() -> None:
    assert _missed(every_unit=1, most=None) == []


def test_writing_every_module_anew_without_comments_changes_no_fingerprint() -> None:
    names = {unit.module for unit in _units()}
    modules = [OF_PACKAGE.module(name) for name in names]
    sources = {module.name: ast.unparse(module.tree) for module in modules if module}
    bare = Package(PACKAGE, sources)
    for stage in STAGES:
        roots = (stage.maker, *stage.also)
        ours = closure(roots, OF_PACKAGE).fingerprint()
        assert closure(roots, bare).fingerprint() == ours, stage.name


STAGE = STAGES[0]
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
