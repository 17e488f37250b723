"""Wrong values, names and places: refused in one message, before any work and all at once."""

import shutil
import sys

import pytest

from flows.cli import main
from flows.places import EXPERIMENTS
from flows.planning.known_names import REGISTRIES, known_names, written_names
from flows.predict import MOST_WORDS
from hcfres.model.fusion import registry


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A workspace that nothing has been put into."""
    place = tmp_path / "workspace"
    monkeypatch.setenv("HCFRES_HOME", str(place))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("HCFRES_WORKERS", "HCFRES_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    return place


@pytest.fixture
def told(monkeypatch, capsys):
    """Run the command as a person does; give what it said when it refused."""

    def refused(*arguments):
        monkeypatch.setattr(sys, "argv", ["hcfres", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == 2, said
        assert "Traceback" not in said.out + said.err
        return said.out + said.err

    return refused


@pytest.fixture
def files(tmp_path):
    """A copy of experiments/ with texts replaced: `files("settings/small", (old, new))`.

    The setting `small` is `smoke` under a name of its own, as no file elsewhere may change that.
    """
    folder = tmp_path / "experiments"
    shutil.copytree(EXPERIMENTS, folder)
    smoke = (folder / "settings" / "smoke.toml").read_text()
    (folder / "settings" / "small.toml").write_text(smoke.replace('"smoke"', '"small"', 1))

    def change(name, *pairs):
        path = folder / f"{name}.toml"
        text = path.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        return path

    return change


@pytest.fixture
def refused_plan(told, files):
    """Plan Table III of the changed files; give what is said instead of a plan."""
    table = files("table3_ablation")

    def plan(*more, setting="small", experiment=table):
        said = told("reproduce", experiment, "--setting", setting, "--plan", *more)
        assert "to run" not in said
        assert "cells are done" not in said
        return said

    return plan


ENCODER = '[{}]\nmodel   = "tiny"\nweights = "random:0"'
ACROSS = 'across        = "adaptive"'


def encoder(name, model="tiny", weights="random:0"):
    return ENCODER.format(name), ENCODER.format(name).replace("tiny", model).replace(
        "random:0", weights
    )


def test_everything_that_no_registry_has_is_told_at_once_with_its_file(refused_plan, files, home):
    method = files("methods/hcf_res", (ACROSS, 'across        = "adaptiv"'))
    setting = files(
        "settings/small",
        encoder("sam", "vit_x", "random:zero"),
        encoder("clip", "huge", "there/is/none.pt"),
        encoder("text", "bas", "package:roberta_tin"),
        ('"rules"', '"spacey:en_core_web_sm"'),
        ("val_rooms                  = 1", "val_rooms                  = 400"),
        ("train_rooms                = 1", "train_rooms                = 701"),
        (
            '"trained"',
            '"frozen"\nbackbone_weights = "package:unet"',
        ),
    )
    said = refused_plan().splitlines()
    expected = {
        (method, "fusion.across", "'adaptiv'; did you mean `adaptive`?"),
        (setting, "sam.model", "'vit_x'; did you mean `vit_"),
        (setting, "clip.model", "'huge'; known: tiny, ViT-L-14-336-quickgelu"),
        (setting, "text.model", "'bas'; did you mean `base`?"),
        (setting, "text.parser", "'spacey'; did you mean `spacy`?"),
        (setting, "sam.weights", "random:SEED"),
        (setting, "clip.weights", str(home / "weights" / "there" / "is" / "none.pt")),
        (setting, "text.weights", "did you mean `roberta_tiny`?"),
        (setting, "training.backbone_weights", "'package:unet'"),
        (setting, "data.rooms.val_rooms", "400 rooms, of which there are at most 300"),
        (setting, "data.rooms.train_rooms", "701 rooms, of which there are at most 700"),
    }
    for path, key, reason in expected:
        lines = [line for line in said if f"{path}, {key}: " in line]
        assert len(lines) == 1, (key, said)
        assert reason in lines[0]
    assert len(said) == len(expected)


def test_a_layer_that_clip_does_not_have_is_refused_once_for_all_rows(refused_plan, files):
    method = files("methods/hcf_res", ("layer            = -1 ", "layer            = -5 "))
    (said,) = refused_plan().splitlines()
    reason = "-5, but tiny has 4 blocks: -1 (the last) to -4"
    assert said.endswith(f"{method}, semantics.layer: {reason}")


def test_the_file_at_fault_is_the_one_that_was_read(told, files, tmp_path):
    """A shipped table with a setting elsewhere: no file of that name lies beside the table."""
    held_out = "held_out    = 0.0", "held_out    = 0.3"
    small = files("settings/small", encoder("clip", weights="none.pt"), held_out)
    mine = small.rename(tmp_path / "small.toml")
    for command in (("reproduce", "table3_ablation"), ("tune", "search_fusion")):
        said = told(*command, "--setting", mine, "--plan")
        assert f"{mine}, clip.weights: " in said
        assert str(EXPERIMENTS) not in said


@pytest.mark.parametrize(
    "command",
    [
        ("reproduce", "table3_ablation", "--plan", "--setting"),
        ("train", "mdin", "--setting"),
        ("tune", "search_fusion", "--plan", "--setting"),
        ("report", "--setting"),
        ("acquire",),
        ("prepare",),
        ("describe",),
        ("cost", "--setting"),
        ("data", "report", "--setting"),
    ],
    ids=" ".join,
)
def test_no_command_takes_another_setting_under_a_shipped_name(told, files, tmp_path, command):
    small = files("settings/small", ('"small"', '"smoke"'), ("[1999]", "[7]"))
    said = told(*command, small)
    assert f"{small} names its setting 'smoke'" in said
    other = small.rename(tmp_path / "smoke.toml")
    said = told(*command, other)
    assert f"{other} is called as {EXPERIMENTS / 'settings' / 'smoke.toml'} is" in said
    assert "differs from it in seeds: " in said


def test_a_variant_that_a_switch_names_is_found_in_its_row(refused_plan, files):
    table = files("table3_ablation", ('fusion.across = "add"', 'fusion.across = "zzz"'))
    said = refused_plan()
    assert f"{table}, row vsd, fusion.across: " in said
    assert "methods/hcf_res.toml" not in said


def test_only_what_a_row_uses_must_be_there(refused_plan, files, monkeypatch, capsys):
    files("settings/small", encoder("clip", weights="none.pt"))
    table = files("table2_multi3drefer")
    assert "clip.weights" in refused_plan(experiment=table)
    arguments = ["reproduce", str(table), "--setting", "small", "--plan", "--only", "mdin"]
    monkeypatch.setattr(sys, "argv", ["hcfres", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "1 of 1 cells to run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seeds", "reason"),
    [("[]", "at least 1 item"), ("[1, 1]", "twice"), ("[-1]", "greater than or equal to 0")],
)
def test_a_setting_has_seeds_each_once(refused_plan, files, seeds, reason):
    path = files("settings/small", ("seeds      = [1999]", f"seeds      = {seeds}"))
    said = refused_plan()
    assert str(path) in said
    assert "seeds" in said
    assert reason in said


def test_seeds_of_the_command_line_are_each_given_once(told):
    for seeds, reason in (("1,1", "each given once"), ("-1", "0 or more"), ("", "numbers")):
        assert reason in told("reproduce", "table3_ablation", f"--seeds={seeds}", "--plan")


def test_a_frozen_backbone_has_weights(refused_plan, files):
    path = files("settings/small", ('"trained"', '"frozen"'))
    said = refused_plan()
    assert str(path) in said
    assert 'training: backbone = "frozen" needs backbone_weights' in said


@pytest.mark.parametrize("command", ["acquire", "prepare", "describe"])
def test_too_many_rooms_are_refused_by_every_stage(told, files, command, home):
    path = files(
        "settings/small", ("val_rooms                  = 1", "val_rooms                  = 400")
    )
    reason = "data.rooms.val_rooms: 400 rooms, of which there are at most 300"
    assert reason in told(command, path)
    assert not home.exists()


def test_the_names_as_written_are_the_names_as_imported():
    for key, (module, constant) in REGISTRIES.items():
        assert written_names(module, constant) == known_names(key), key


def test_a_variant_of_a_notebook_is_known(monkeypatch):
    assert "greater" not in known_names("fusion.across")
    monkeypatch.setitem(registry.ACROSS, "greater", object)
    assert "greater" in known_names("fusion.across")


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", "99999999999999999999"])
def test_the_number_of_workers_is_a_number_of_workers(told, monkeypatch, value):
    monkeypatch.setenv("HCFRES_WORKERS", value)
    said = told("reproduce", "table3_ablation", "--setting", "smoke", "--plan")
    assert f"HCFRES_WORKERS is {value!r}: give a number of workers" in said


def test_devices_and_workers_are_refused_together(told, monkeypatch):
    monkeypatch.setenv("HCFRES_WORKERS", "0")
    monkeypatch.setenv("HCFRES_DEVICE", "zzz")
    said = told("doctor")
    assert "HCFRES_WORKERS is '0'" in said
    assert "HCFRES_DEVICE is 'zzz': give cpu, cuda or cuda:0" in said


def places_that_take_nothing(tmp_path):
    file = tmp_path / "file"
    file.touch()
    return {file: "a file stands", file / "below": "a file stands", "/proc/hcfres": "nothing can"}


@pytest.mark.parametrize("arguments", [("reproduce", "table3_ablation", "--setting", "smoke")])
def test_a_workspace_takes_files(told, monkeypatch, tmp_path, arguments):
    for place, reason in places_that_take_nothing(tmp_path).items():
        monkeypatch.setenv("HCFRES_HOME", str(place))
        assert f"HCFRES_HOME is {place}, where {reason}" in told(*arguments)


def asked(*sentences, scan="scan", out="answers"):
    says = [part for sentence in sentences for part in ("--say", sentence)]
    return ("predict", scan, *says, "--out", out)


def test_sentences_are_looked_at_before_the_scan(told, tmp_path):
    said = told(*asked("a chair", "", " ... ", "very " * 10_000 + "big"))
    assert "sentence 1 " not in said
    assert "sentence 2 is '', without a word" in said
    assert "sentence 3 is ' ... ', without a word" in said
    assert f"sentence 4 has 10001 words, of which {MOST_WORDS} are read" in said


def test_answers_go_where_files_can_be_put(told, tmp_path, monkeypatch):
    for place, reason in places_that_take_nothing(tmp_path).items():
        assert f"--out is {place}, where {reason}" in told(*asked("a chair", out=place))
        monkeypatch.setenv("HCFRES_HOME", str(place))
        assert f"HCFRES_HOME is {place}, where {reason}" in told(*asked("a chair"))
        monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))


def test_a_page_that_cannot_be_written_is_one_message(told, tmp_path):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in told("pretrain", "text", "--folder", tmp_path / "file")


def test_more_processes_than_scenes_in_a_batch_or_workers_are_refused(told, monkeypatch, home):
    monkeypatch.setenv("HCFRES_DEVICE", "cpu")
    monkeypatch.setenv("HCFRES_WORKERS", "3")
    said = told("train", "mdin", "--processes", "4")
    assert "--processes 4: a batch of the setting rooms has 2 scenes" in said
    assert "there are 3 workers here" in said
    assert "Give at most 2" in said
    said = told("train", "mdin", "--setting", "smoke", "--processes", "2")
    assert "--processes 2: a batch of the setting smoke has 1 scenes" in said
    assert not home.exists()


@pytest.mark.parametrize("name", ["a[/b]", "[/x]", "[old]/x"])
@pytest.mark.parametrize("command", ["reproduce", "tune"])
def test_names_with_square_brackets_are_told_as_they_are(told, command, name):
    assert name in told(command, name, "--plan")
