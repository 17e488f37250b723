"""Thousands of expressions: each is true, unambiguous, and says what its form says."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from hcfres.data.expression import EVAL_TYPES
from hcfres.data.rooms import templates, words
from hcfres.data.rooms.catalogue import LABELS
from hcfres.data.rooms.expressions import (
    SHARES,
    Description,
    describe,
    make_expressions,
    make_scanrefer,
)
from hcfres.data.rooms.forms import Attribute, Form, Negated, Related, anchors_of
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.logic import evaluate, judge
from hcfres.data.rooms.pose import room_to_world
from hcfres.data.rooms.room import Furniture, Room
from hcfres.data.rooms.seeds import held_out, scene_id

PER_ROOM = 32
SEEDS = [*range(1000, 1042), *range(700, 724)]


@cache
def described(seed: int) -> tuple[Room, tuple[Description, ...]]:
    room = make_room(seed, scene_id(seed))
    return room, describe(room, PER_ROOM, 0, "val" if seed < 1000 else "pretrain")


def every() -> list[tuple[Room, Description]]:
    return [(room, made) for room, all_made in map(described, SEEDS) for made in all_made]


def test_evaluating_the_form_gives_exactly_the_object_ids_of_thousands() -> None:
    assert len(every()) > 2000
    for room, made in every():
        form, viewpoint = made.draft.meaning.form, made.draft.viewpoint
        assert evaluate(form, room, viewpoint) == set(made.expression.object_ids)
        assert not judge(form, room, viewpoint).doubtful


def plainly(form: Form, room: Room) -> set[int]:
    """Class, look, and the relations that need no geometry, evaluated the short way."""

    def fits(item: Furniture) -> bool:
        for told in form.constraints:
            inner = told.constraint if isinstance(told, Negated) else told
            if isinstance(inner, Attribute):
                if (getattr(item, inner.kind) == inner.value) == isinstance(told, Negated):
                    return False
            elif isinstance(inner, Related) and inner.relation == "on":
                (anchor,) = inner.anchors
                if item.rests_on not in plainly(anchor, room):
                    return False
        return item.label == form.label

    return {item.object_id for item in room.furniture if fits(item)}


def test_no_target_misses_its_class_its_look_or_its_supporter() -> None:
    simple = 0
    for room, made in every():
        form = made.draft.meaning.form
        allowed = plainly(form, room)
        assert set(made.expression.object_ids) <= allowed
        only_looks = all(
            isinstance(c, Attribute) or getattr(c, "relation", "") == "on" for c in form.constraints
        )
        if only_looks and form.superlative is None:
            simple += 1
            assert set(made.expression.object_ids) == allowed
    assert simple > 600


def test_a_singular_denotes_one_object_and_every_anchor_at_most_one() -> None:
    for room, made in every():
        if made.draft.meaning.form.number == 1:
            assert len(made.expression.object_ids) <= 1
        for anchor in anchors_of(made.draft.meaning.form):
            named = judge(anchor, room)
            assert not named.doubtful
            if made.expression.object_ids:
                assert len(named.certain) == anchor.number


def test_eval_types_say_how_many_targets_and_whether_the_class_has_others() -> None:
    for room, made in every():
        label = made.expression.object_name.replace("_", " ")
        of_class = sum(item.label == label for item in room.furniture)
        expected = {
            "zt_wo_d": (0, of_class == 0),
            "zt_w_d": (0, of_class > 0),
            "st_wo_d": (1, of_class == 1),
            "st_w_d": (1, of_class > 1),
            "mt": (len(made.expression.object_ids), len(made.expression.object_ids) > 1),
        }[made.expression.eval_type]
        assert expected == (len(made.expression.object_ids), True)


def test_the_proportions_are_multi3drefers() -> None:
    types = Counter(made.expression.eval_type for _, made in every())
    assert set(types) == set(EVAL_TYPES)
    assert len(every()) > 0.97 * PER_ROOM * len(SEEDS)
    for kind, share in SHARES.items():
        assert types[kind] / len(every()) == pytest.approx(share, abs=0.025)


def says(word: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text) is not None


def test_a_sentence_uses_the_words_of_its_classes_and_colours_and_no_others() -> None:
    for _, made in every():
        text, form = made.expression.description, made.draft.meaning.form
        stance = made.draft.meaning.stance
        spots = [spot for spot in (stance.origin, stance.toward) if spot] if stance else []
        forms = [form, *anchors_of(form), *spots]
        classes, colours = {one.label for one in forms}, set()
        for one in forms:
            for told in one.constraints:
                inner = told.constraint if isinstance(told, Negated) else told
                if isinstance(inner, Attribute) and inner.kind == "colour":
                    colours.add(inner.value)
        for label in LABELS:
            spoken = any(says(n, text) or says(words.plural(n), text) for n in words.nouns(label))
            assert spoken == (label in classes), (text, label)
        for colour, ways in words.COLOURS.items():
            assert any(says(way, text) for way in ways) == (colour in colours), (text, colour)


def test_no_word_names_two_classes() -> None:
    every_noun = [noun for label in LABELS for noun in words.nouns(label)]
    assert len(set(every_noun)) == len(every_noun)
    assert set(words.NOUNS) == set(LABELS)


def test_the_flags_are_read_off_the_form() -> None:
    for _, made in every():
        kinds = Counter()
        for told in made.draft.meaning.form.constraints:
            inner = told.constraint if isinstance(told, Negated) else told
            kinds[inner.kind if isinstance(inner, Attribute) else "spatial"] += 1
        assert made.expression.color == (kinds["colour"] > 0)
        assert made.expression.texture == (kinds["pattern"] > 0)
        if made.draft.meaning.form.superlative is None:
            assert made.expression.spatial == (kinds["spatial"] > 0)
            assert made.expression.shape == (kinds["size"] + kinds["shape"] > 0)


def test_entities_are_spans_of_the_sentence_and_name_what_they_denote() -> None:
    for room, made in every():
        expression = made.expression
        labels = {item.object_id: item.label for item in room.furniture}
        targets = [entity for entity in expression.entities if entity.role == "target"]
        assert targets, expression.description
        for entity in expression.entities:
            phrase = expression.description[entity.start : entity.end]
            assert phrase == phrase.strip() != ""
            if entity.role == "target":
                assert entity.object_ids == expression.object_ids
            for number in entity.object_ids:
                nouns = words.nouns(labels[number])
                assert any(says(n, phrase) or says(words.plural(n), phrase) for n in nouns)


def test_left_and_right_come_with_a_viewpoint_in_the_world_frame() -> None:
    seen = 0
    for room, made in every():
        sided = any(
            isinstance(c, Related) and c.relation in ("left_of", "right_of")
            for c in made.draft.meaning.form.constraints
        )
        viewpoint = made.expression.viewpoint
        assert not sided or viewpoint is not None
        if viewpoint is None or made.draft.viewpoint is None:
            continue
        seen += 1
        world = np.linalg.inv(room_to_world(room)) @ np.array([*viewpoint.position, 1.0])
        assert np.allclose(world[:3], made.draft.viewpoint.position)
        assert made.draft.meaning.stance is not None
    assert seen > 60


def test_at_least_25_templates_are_used_and_none_is_idle() -> None:
    surfaces = templates.PLAIN + templates.LOCATED
    assert len(surfaces) >= 25
    used = {t for _, made in every() for t in templates.fitting(made.draft.meaning, surfaces)}
    assert used == set(surfaces)


def test_no_sentence_comes_twice_in_a_room_and_ann_ids_count_on() -> None:
    for seed in SEEDS:
        _, made = described(seed)
        texts = [one.expression.description for one in made]
        assert len(set(texts)) == len(texts)
        assert [one.expression.ann_id for one in made] == list(range(len(made)))


def test_a_rephrasing_names_an_earlier_expression_and_means_the_same() -> None:
    rephrased = 0
    for seed in SEEDS:
        _, made = described(seed)
        by_key = {one.expression.key: one for one in made}
        for one in made:
            if one.expression.variant_of is None:
                continue
            rephrased += 1
            original = by_key[one.expression.variant_of]
            assert original.draft == one.draft
            assert original.expression.ann_id < one.expression.ann_id
    assert rephrased > 0.08 * len(every())


def test_training_sentences_never_name_a_held_out_colour_of_an_absent_object() -> None:
    for room, made in every():
        if made.expression.object_ids or room.seed < 1000:
            continue
        for told in made.draft.meaning.form.constraints:
            if isinstance(told, Attribute) and told.kind == "colour":
                assert not held_out(made.draft.meaning.form.label, told.value)


def test_the_same_arguments_give_the_same_expressions_and_another_seed_others() -> None:
    room = make_room(1001, scene_id(1001))
    once = make_expressions(room, 12, 5, "pretrain")
    assert once == make_expressions(room, 12, 5, "pretrain")
    assert once != make_expressions(room, 12, 6, "pretrain")
    assert len(once) == 12


def test_a_room_with_one_thing_of_each_class_gets_no_distractors() -> None:
    room = make_room(1001, scene_id(1001))
    alone = {item.label: item for item in room.furniture if item.rests_on is None}
    room = replace(
        room, furniture=tuple(replace(item, object_id=n) for n, item in enumerate(alone.values()))
    )
    types = {one.eval_type for one in make_expressions(room, 20, 0, "pretrain")}
    assert types <= {"zt_wo_d", "zt_w_d", "st_wo_d"}
    assert "st_wo_d" in types


def test_scanrefer_descriptions_name_one_object_and_count_within_it() -> None:
    longer = 0
    for seed in SEEDS[:20]:
        room, _ = described(seed)
        made = make_scanrefer(room, 10, 0, "train")
        assert len(made) == 10
        keys = [(one.object_ids, one.ann_id) for one in made]
        assert len(set(keys)) == len(keys)
        assert all(one.dataset == "scanrefer" and len(one.object_ids) == 1 for one in made)
        counts = Counter(one.object_ids for one in made)
        assert all(one.ann_id < counts[one.object_ids] for one in made)
        longer += sum(one.description.count(".") >= 2 for one in made)
    assert longer > 100
