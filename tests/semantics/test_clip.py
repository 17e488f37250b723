"""Building CLIP and encoding frames without a crop."""

from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip.model import CLIP

from hcfres.config.loading import ConfigError
from hcfres.config.setting import EncoderConfig
from hcfres.data.scene import Frame
from hcfres.semantics.clip import (
    LARGE,
    VOCABULARY,
    build_clip,
    encode_captions,
    encode_frames,
    fit_image_size,
    load_clip,
    load_tokenizer,
    prepare_images,
    projected,
    resize_positions,
    spatial_tokens,
)
from hcfres.semantics.vocabulary import learn_merges, room_words, write_merges


@pytest.fixture(scope="module")
def clip() -> CLIP:
    return load_clip(EncoderConfig(model="tiny", weights="random:0"), Path("nowhere"))


def _frame(index: int, height: int = 240, width: int = 320) -> Frame:
    colour = np.random.default_rng(index).integers(0, 255, (height, width, 3)).astype(np.uint8)
    return Frame(index, colour, np.zeros((6, 8), np.float32), np.eye(3), np.eye(4))


def test_the_tiny_clip_is_open_clips_own_class_frozen_and_in_evaluation_mode(clip: CLIP) -> None:
    assert type(clip) is CLIP
    assert not clip.training
    assert not any(parameter.requires_grad for parameter in clip.parameters())


def test_the_whole_frame_becomes_a_grid_of_tokens_in_half_precision(clip: CLIP) -> None:
    tokens = encode_frames([_frame(4), _frame(9)], clip)
    assert tokens.frames.tolist() == [4, 9]
    assert tokens.tokens.shape == (2, 15, 20, 128)
    assert tokens.tokens.dtype == np.float16


def test_frames_encoded_together_or_alone_are_the_same(clip: CLIP) -> None:
    frames = [_frame(k) for k in range(10)]
    together = encode_frames(iter(frames), clip).tokens
    alone = np.concatenate([encode_frames([frame], clip).tokens for frame in frames])
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_no_frames_give_no_tokens(clip: CLIP) -> None:
    assert encode_frames([], clip).tokens.shape == (0, 15, 20, 128)


def test_the_mean_of_the_tokens_is_clips_own_image_feature(clip: CLIP) -> None:
    images = prepare_images([_frame(1).colour], clip)
    pooled = spatial_tokens(clip, images).mean(dim=(1, 2)) @ clip.visual.proj
    torch.testing.assert_close(pooled, clip.encode_image(images), atol=1e-5, rtol=1e-4)


def test_a_token_describes_its_own_place_up_to_the_border(clip: CLIP) -> None:
    """A change in the last cell of the frame changes that cell's token most: nothing is cut off."""
    frame = _frame(2)
    changed = frame.colour.copy()
    changed[-16:, -16:] = 255 - changed[-16:, -16:]
    other = Frame(2, changed, frame.depth, frame.intrinsics, frame.camera_to_world)
    pair = encode_frames([frame, other], clip).tokens.astype(np.float32)
    difference = np.linalg.norm(pair[1] - pair[0], axis=-1)
    assert np.unravel_index(difference.argmax(), difference.shape) == (14, 19)


def test_the_legacy_crop_loses_the_sides_of_a_wide_frame(clip: CLIP) -> None:
    frame = _frame(3, 240, 640)
    changed = frame.colour.copy()
    changed[:, :100] = 0
    other = Frame(3, changed, frame.depth, frame.intrinsics, frame.camera_to_world)
    cut = encode_frames([frame, other], clip, centre_crop=True).tokens
    whole = encode_frames([frame, other], clip).tokens
    np.testing.assert_array_equal(cut[0], cut[1])
    assert not np.array_equal(whole[0], whole[1])


def test_the_legacy_crop_is_a_square_stretched_over_the_frame() -> None:
    """Of 640x480 it cuts 80 columns off each side; the tokens then claim to cover all of them."""
    square = load_clip(EncoderConfig(model="tiny", weights="random:0"), Path("nowhere"), True)
    frame = _frame(4, 480, 640)
    changed = frame.colour.copy()
    changed[:, :80] = changed[:, 560:] = 255
    other = Frame(4, changed, frame.depth, frame.intrinsics, frame.camera_to_world)
    cut = encode_frames([frame, other], square, centre_crop=True).tokens
    assert cut.shape[1:3] == (15, 15)
    np.testing.assert_array_equal(cut[0], cut[1])
    changed[:, 80:90] = 255 - changed[:, 80:90]
    moved = encode_frames([frame, other], square, centre_crop=True).tokens.astype(np.float32)
    difference = np.linalg.norm(moved[1] - moved[0], axis=-1)
    assert (difference.argmax(axis=1) == 0).all()


def test_a_square_grid_may_hold_the_whole_frame_squeezed() -> None:
    """Decision 8: 15 columns instead of 20, and the last of them still shows the right border."""
    square = load_clip(EncoderConfig(model="tiny", weights="random:0"), Path("nowhere"), True)
    frame = _frame(5)
    changed = frame.colour.copy()
    changed[-16:, -21:] = 255 - changed[-16:, -21:]
    other = Frame(5, changed, frame.depth, frame.intrinsics, frame.camera_to_world)
    pair = encode_frames([frame, other], square).tokens.astype(np.float32)
    assert pair.shape[1:3] == (15, 15)
    difference = np.linalg.norm(pair[1] - pair[0], axis=-1)
    assert np.unravel_index(difference.argmax(), difference.shape) == (14, 14)


def test_features_pooled_and_then_projected_are_those_of_projected_tokens(clip: CLIP) -> None:
    """Decision 17. Pooled over the whole image they are CLIP's own image feature."""
    images = prepare_images([_frame(1).colour], clip)
    tokens = spatial_tokens(clip, images).flatten(0, 2)
    weights = torch.rand(3, len(tokens))
    pooled = weights @ tokens
    after = projected(clip, pooled.numpy())
    torch.testing.assert_close(
        torch.from_numpy(after), weights @ (tokens @ clip.visual.proj), atol=1e-3, rtol=1e-4
    )
    whole = projected(clip, tokens.mean(0, keepdim=True).numpy())
    torch.testing.assert_close(
        torch.from_numpy(whole), clip.encode_image(images), atol=1e-5, rtol=1e-4
    )


def test_colours_are_normalised_with_clips_mean_and_deviation(clip: CLIP) -> None:
    white = np.full((240, 320, 3), 255, np.uint8)
    image = prepare_images([white], clip)[0]
    expected = torch.tensor([(1 - 0.48145466) / 0.26862954, (1 - 0.4578275) / 0.26130258])
    torch.testing.assert_close(image[:2, 0, 0], expected)


def test_frames_of_any_size_are_resized_to_the_grid(clip: CLIP) -> None:
    assert encode_frames([_frame(0, 97, 131)], clip).tokens.shape == (1, 15, 20, 128)


def test_an_inner_layer_may_be_taken_and_a_missing_one_is_refused(clip: CLIP) -> None:
    last, inner = (encode_frames([_frame(1)], clip, layer).tokens for layer in (-1, 0))
    assert not np.array_equal(last, inner)
    np.testing.assert_array_equal(last, encode_frames([_frame(1)], clip, 3).tokens)
    with pytest.raises(ValueError, match="4 blocks"):
        encode_frames([_frame(1)], clip, 4)


def test_positions_resized_to_their_own_grid_stay_and_keep_the_class_token() -> None:
    embedding = torch.randn(1 + 6, 5)
    torch.testing.assert_close(resize_positions(embedding, (2, 3), (2, 3)), embedding)
    wider = resize_positions(embedding, (2, 3), (4, 6))
    assert wider.shape == (25, 5)
    torch.testing.assert_close(wider[0], embedding[0])


def test_a_constant_embedding_is_constant_on_every_grid() -> None:
    wider = resize_positions(torch.full((5, 2), 3.0), (2, 2), (3, 7))
    torch.testing.assert_close(wider, torch.full((22, 2), 3.0))


def test_an_image_that_is_no_multiple_of_the_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of the patch"):
        fit_image_size(build_clip("tiny", 0), 241, 320)


def test_captions_have_length_one_and_order_matters(clip: CLIP) -> None:
    texts = encode_captions(clip, load_tokenizer("tiny"), ["a red chair", "a chair red"])
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(2))
    assert not torch.allclose(texts[0], texts[1])


def test_the_words_of_the_rooms_are_single_tokens() -> None:
    tokenizer = load_tokenizer("tiny")
    assert all(len(tokenizer.encode(word)) == 1 for word in ["a", "striped", "red", "chair"])
    assert len(tokenizer.encode("zebra")) > 1


def test_learning_merges_makes_every_word_one_piece() -> None:
    assert learn_merges(["ab", "abc"]) == (("a", "b"), ("a", "b</w>"), ("ab", "c</w>"))


def test_the_vocabulary_file_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        write_merges(tmp_path / name, learn_merges(room_words()))
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    assert VOCABULARY.is_file()


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="tiny, ViT-L-14-336-quickgelu"):
        load_clip(EncoderConfig(model="huge", weights="random:0"), Path("nowhere"))


@pytest.mark.slow
def test_the_papers_clip_has_24_x_32_tokens_of_1024(tmp_path: Path) -> None:
    clip = load_clip(EncoderConfig(model=LARGE, weights="random:0"), tmp_path)
    assert encode_frames([_frame(0, 480, 640)], clip).tokens.shape == (1, 24, 32, 1024)
