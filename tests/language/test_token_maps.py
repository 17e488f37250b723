"""Token maps worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.language.parsing.graph import SceneGraph
from hcfres.language.parsing.rules import parse
from hcfres.language.token_maps import NOT_MENTIONED, token_maps


def test_a_span_of_n_tokens_holds_one_nth_on_each() -> None:
    graph = parse("the two gray chairs beside the trash can")
    #           <s>     the     two     gray     cha       irs       beside    the       trash
    offsets = [(0, 0), (0, 3), (4, 7), (8, 12), (13, 16), (16, 19), (20, 26), (27, 30), (31, 36)]
    #           can       " ."      not       mentioned </s>
    offsets += [(37, 40), (41, 42), (43, 46), (47, 56), (0, 0)]
    expected = np.zeros((5, 15), dtype=np.float32)
    expected[0, [4, 5]] = 0.5  # chairs
    expected[1, 3] = 1.0  # gray
    expected[3, [8, 9]] = 0.5  # trash can
    expected[4, 6] = 1.0  # beside
    assert np.array_equal(token_maps(graph, offsets, 15), expected)


def test_the_anchor_and_the_padding_belong_to_no_span() -> None:
    graph = parse("a lamp")
    end = len(graph.utterance)
    maps = token_maps(graph, [(0, 0), (0, 1), (2, 6), (end + 1, end + 2), (0, 0)], 8)
    assert maps[:, 3:].sum() == 0
    assert NOT_MENTIONED == " . not mentioned"


def test_a_span_that_was_cut_off_leaves_no_trace() -> None:
    graph = SceneGraph("a lamp", ((2, 6),), (), (), (), ())
    assert token_maps(graph, [(0, 0), (0, 1), (0, 0)], 3).sum() == 0


def test_maps_shorter_than_the_sentence_are_refused() -> None:
    with pytest.raises(ValueError, match="3 tokens do not fit into maps of length 2"):
        token_maps(parse("a lamp"), [(0, 0), (0, 1), (2, 6)], 2)


@given(st.text(alphabet="ab chair lamp red . ", max_size=60))
def test_every_map_is_between_zero_and_one(text: str) -> None:
    graph = parse(text)
    offsets = [(place, place + 1) for place in range(len(graph.utterance))]
    maps = token_maps(graph, offsets, len(offsets) + 2)
    assert maps.shape == (5, len(offsets) + 2)
    assert ((maps >= 0) & (maps <= 1)).all()
    assert maps[0].sum() == pytest.approx(len(graph.main))
