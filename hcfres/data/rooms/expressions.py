"""Expressions about a room, in Multi3DRefer's proportions, and ScanRefer's longer descriptions.

Each is the surface of a logical form that was judged in the room without doubt, so that
evaluating the form gives exactly the expression's `object_ids`.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hcfres.data.expression import EvalType, Expression, Viewpoint
from hcfres.data.rooms import templates
from hcfres.data.rooms.denials import deny_class, deny_detail
from hcfres.data.rooms.forms import Attribute, Form, Meaning, plain
from hcfres.data.rooms.phrases import Speaker
from hcfres.data.rooms.pose import room_to_world
from hcfres.data.rooms.proposals import Draft, propose
from hcfres.data.rooms.room import Furniture, Room
from hcfres.data.rooms.seeds import Split
from hcfres.data.rooms.templates import Sentence

SHARES: dict[EvalType, float] = {
    "zt_w_d": 0.055,
    "zt_wo_d": 0.055,
    "st_w_d": 0.50,
    "st_wo_d": 0.18,
    "mt": 0.21,
}
"""Multi3DRefer's: 11 % zero, 68 % single, 21 % multiple targets."""
_REPHRASED = 0.12
"""Share of the expressions that say again what an earlier one said."""
_TRIES = 60
_LESS_BARE = 0.75
"""Share of the bare plurals, such as `all the chairs`, that are passed over."""


@dataclass(frozen=True)
class Description:
    """An expression with the meaning it was made from."""

    expression: Expression
    draft: Draft


def make_expressions(room: Room, count: int, seed: int, split: Split) -> tuple[Expression, ...]:
    """Multi3DRefer expressions about the room, at most `count`, no sentence twice.

    The same arguments give the same expressions. Where the room has nothing to say of a kind (no
    two objects of a class, say), that kind's share is left out. `viewpoint` is in the world frame.
    """
    return tuple(made.expression for made in describe(room, count, seed, split))


def describe(room: Room, count: int, seed: int, split: Split) -> tuple[Description, ...]:
    """What `make_expressions` returns, with the logical forms."""
    rng = random.Random(f"{room.seed} {room.scene_id} {seed} {split} {count}")
    again = round(_REPHRASED * count) if count > 1 else 0
    drafts = _drafts(room, count - again, split, rng)
    rng.shuffle(drafts)
    speaker = Speaker(room, rng)
    said: list[tuple[Draft, Sentence, int | None]] = []
    for draft in drafts:
        _append(said, draft, None, speaker)
    quota = _quota(again, rng)
    for number in rng.sample(range(len(said)), len(said)):
        draft = said[number][0]
        if quota[_eval_type(draft, room)] > 0 and _append(said, draft, number, speaker):
            quota[_eval_type(draft, room)] -= 1
    for number in range(min(sum(quota.values()), len(drafts))):  # kinds that had none to say again
        _append(said, said[number][0], number, speaker)
    return _numbered(said, room)


def make_scanrefer(room: Room, count: int, seed: int, split: Split) -> tuple[Expression, ...]:
    """ScanRefer descriptions of single objects, at most `count`; ann_id counts within an object."""
    rng = random.Random(f"scanrefer {room.seed} {room.scene_id} {seed} {split} {count}")
    speaker = Speaker(room, rng)
    numbers: Counter[int] = Counter()
    texts: set[str] = set()
    made: list[Expression] = []
    for draft in _singles(room, rng, tries=_TRIES * count):
        if len(made) == count:
            break
        fits = templates.fitting(draft.meaning, templates.SCANREFER)
        if draft.meaning.stance is not None or not fits:
            continue
        said = templates.say(draft.meaning, draft.targets, rng.choice(fits), speaker)
        if said.phrase.text in texts:
            continue
        texts.add(said.phrase.text)
        expression = _expression(draft, said, room, numbers[draft.targets[0]])
        numbers[draft.targets[0]] += 1
        made.append(replace(expression, dataset="scanrefer"))
    return tuple(made)


def _quota(count: int, rng: random.Random) -> Counter[EvalType]:
    """Whole numbers that sum to `count` and on average have the shares."""
    start, quota = rng.random(), Counter[EvalType]()
    total = 0.0
    for kind, share in SHARES.items():
        before = int(total + start)
        total += share * count
        quota[kind] = int(total + start) - before
    quota["mt"] += count - sum(quota.values())
    return quota


def _eval_type(draft: Draft, room: Room) -> EvalType:
    """Multi3DRefer's type: how many targets, and whether the class has other objects here."""
    of_class = sum(item.label == draft.meaning.form.label for item in room.furniture)
    if len(draft.targets) > 1:
        return "mt"
    if draft.targets:
        return "st_w_d" if of_class > 1 else "st_wo_d"
    return "zt_w_d" if of_class else "zt_wo_d"


def _drafts(room: Room, count: int, split: Split, rng: random.Random) -> list[Draft]:
    """Different meanings in the proportions, spread over the room's objects."""
    quota = _quota(count, rng)
    found: list[Draft] = []
    for kind in SHARES:
        source = _zeros(room, split, rng) if kind.startswith("zt") else _true(room, kind, rng)
        for draft in source:
            if quota[kind] == 0:
                break
            if _eval_type(draft, room) == kind and draft.meaning not in [d.meaning for d in found]:
                found.append(draft)
                quota[kind] -= 1
    return found


def _items(room: Room, kind: EvalType, rng: random.Random, tries: int) -> Iterator[Furniture]:
    """Objects that may be meant by an expression of the type, each as often as the others."""
    alone = Counter(item.label for item in room.furniture)
    pool = [item for item in room.furniture if (alone[item.label] == 1) == (kind == "st_wo_d")]
    while pool and tries > 0:
        yield from rng.sample(pool, len(pool))
        tries -= len(pool)


def _true(room: Room, kind: EvalType, rng: random.Random) -> Iterator[Draft]:
    """True drafts, one an object as long as they come; an object is skipped after some tries."""
    for item in _items(room, kind, rng, tries=_TRIES * 3):
        for _ in range(_TRIES):
            draft = propose(item, room, rng)
            bare = draft is None or draft.meaning.form == _everything(draft)
            if bare and kind == "mt" and rng.random() < _LESS_BARE:
                continue
            if draft is not None and _eval_type(draft, room) == kind:
                yield draft
                break


def _everything(draft: Draft) -> Form:
    """The form that names the draft's class and nothing more."""
    form = draft.meaning.form
    return Form(form.label, number=form.number)


def _singles(room: Room, rng: random.Random, tries: int) -> Iterator[Draft]:
    while tries > 0:
        for item in rng.sample(room.furniture, len(room.furniture)):
            tries -= 1
            draft = propose(item, room, rng)
            if draft is not None and len(draft.targets) == 1:
                yield draft


def _zeros(room: Room, split: Split, rng: random.Random) -> Iterator[Draft]:
    """Drafts without targets, made from true ones, with and without distractors in turn."""
    for _ in range(_TRIES):
        for item in rng.sample(room.furniture, len(room.furniture)):
            draft = propose(item, room, rng)
            for deny in (deny_detail, deny_class):
                denied = deny(draft, room, split, rng) if draft else None
                if denied is not None:
                    yield denied


def _append(
    said: list[tuple[Draft, Sentence, int | None]],
    draft: Draft,
    original: int | None,
    speaker: Speaker,
) -> bool:
    """Say the draft in words not used yet; False where that does not succeed."""
    used = said[original][1].template if original is not None else None
    texts = {sentence.phrase.text for _, sentence, _ in said}
    for _ in range(4):
        template = templates.choose(draft.meaning, used, speaker.rng)
        if template is None:
            return False
        sentence = templates.say(draft.meaning, draft.targets, template, speaker)
        if sentence.phrase.text not in texts:
            said.append((draft, sentence, original))
            return True
    return False


def _numbered(
    said: list[tuple[Draft, Sentence, int | None]], room: Room
) -> tuple[Description, ...]:
    made: list[Description] = []
    for number, (draft, sentence, original) in enumerate(said):
        expression = _expression(draft, sentence, room, number)
        if original is not None:
            expression = replace(expression, variant_of=made[original].expression.key)
        made.append(Description(expression, draft))
    return tuple(made)


def _expression(draft: Draft, sentence: Sentence, room: Room, ann_id: int) -> Expression:
    meaning = draft.meaning
    looks = {told.kind for told in _attributes(meaning.form)}
    entities = sorted(sentence.phrase.entities, key=lambda entity: entity.start)
    sized = meaning.form.superlative and meaning.form.superlative.kind in _SIZED
    return Expression(
        dataset="multi3drefer",
        scene_id=room.scene_id,
        object_ids=draft.targets,
        ann_id=ann_id,
        object_name=meaning.form.label.replace(" ", "_"),
        description=sentence.phrase.text,
        eval_type=_eval_type(draft, room),
        spatial=_speaks_of_space(meaning),
        color="colour" in looks,
        texture="pattern" in looks,
        shape=bool(looks & {"shape", "size"}) or bool(sized),
        entities=tuple(entities),
        viewpoint=_in_world(draft.viewpoint, room),
    )


_SIZED = ("largest", "smallest", "tallest")


def _attributes(form: Form) -> list[Attribute]:
    inner = [plain(constraint) for constraint in form.constraints]
    return [told for told in inner if isinstance(told, Attribute)]


def _speaks_of_space(meaning: Meaning) -> bool:
    form = meaning.form
    located = len(_attributes(form)) < len(form.constraints)
    return located or (form.superlative is not None and form.superlative.kind not in _SIZED)


def _in_world(viewpoint: Viewpoint | None, room: Room) -> Viewpoint | None:
    if viewpoint is None:
        return None
    matrix = room_to_world(room)

    def moved(point: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z = (float(v) for v in matrix[:3, :3] @ point + matrix[:3, 3])
        return (x, y, z)

    return Viewpoint(moved(viewpoint.position), moved(viewpoint.look_at))
