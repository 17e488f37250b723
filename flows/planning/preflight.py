"""What is wrong with a grid before it is planned: names, weights and rooms that there are not.

Only names are compared and files looked for: nothing here imports torch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.places import method_file, setting_file
from flows.planning.known_names import known_names
from flows.workers.machine import WORKERS, expected_devices
from hcfres.config.experiment import AblationConfig
from hcfres.config.loading import ConfigError, load
from hcfres.config.method import MethodConfig
from hcfres.config.problems import nearest
from hcfres.config.rows import Experiment, Row
from hcfres.config.search_file import Search
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.rooms.seeds import TRAIN, VAL
from hcfres.language.parsing.registry import parser_identity
from hcfres.pipeline.token_grid import layer_problem
from hcfres.store.weights import RANDOM, weights_identity
from hcfres.store.workspace import Workspace


@dataclass(frozen=True)
class Problem:
    """One wrong value of a configuration."""

    key: str
    reason: str


def require_runnable(
    experiment: Experiment,
    setting: SettingConfig,
    rows: Iterable[Row],
    workspace: Workspace,
    place: Path,
) -> None:
    """Refuse an experiment whose rows cannot all be run here.

    Args:
        place: the file that the setting was read from.

    Raises:
        ConfigError: names that no registry has, weights that are not there, more rooms than there
            are; each with its file and key, all at once.
    """
    rows = tuple(rows)
    methods = tuple(row.method for row in rows)
    told = _wrong_setting(place, setting, methods, workspace)
    _refuse(told + _wrong_methods(experiment, rows, setting))


def require_searchable(
    search: Search, setting: SettingConfig, workspace: Workspace, place: Path
) -> None:
    """Refuse a search of which the base, or any one value beside it, cannot be run here.

    Args:
        place: the file that the setting was read from.

    Raises:
        ConfigError: as `require_runnable`.
    """
    base = search.space.base
    of_base = method_problems(base, setting)
    methods, told = [base], _told(search.source.parent / "methods" / f"{base.name}.toml", of_base)
    for method in search.space.neighbours():
        methods.append(method)
        brought = [found for found in method_problems(method, setting) if found not in of_base]
        told += _told(search.source, brought)
    _refuse(_wrong_setting(place, setting, methods, workspace) + told)


def require_processes(processes: int, setting: SettingConfig) -> None:
    """Refuse more processes than can train a cell together.

    Raises:
        ConfigError: a batch has fewer scenes, or this machine fewer workers.
    """
    scenes, workers = setting.training.scenes_per_batch, len(expected_devices())
    problems = []
    if processes > scenes:
        problems.append(
            f"a batch of the setting {setting.name} has {scenes} scenes "
            "(training.scenes_per_batch), and no scene is divided"
        )
    if processes > workers:
        problems.append(
            f"there are {workers} workers here, one a GPU, or without one as many as {WORKERS} says"
        )
    if problems:
        most = min(scenes, workers)
        reason = "; ".join(problems)
        raise ConfigError(f"--processes {processes}: {reason}. Give at most {most}")


def load_describable(
    setting: str, method: str, workspace: Workspace
) -> tuple[SettingConfig, MethodConfig]:
    """Load a setting, by name or path, with the method that its features are made for.

    Raises:
        ConfigError: a file is wrong, or names what there is not.
    """
    places = setting_file(setting), method_file(method)
    config, chosen = load_setting(places[0]), load(places[1], MethodConfig)
    found = setting_problems(config, (chosen,), workspace)
    _refuse(_told(places[0], found) + _told(places[1], method_problems(chosen, config)))
    return config, chosen


def method_problems(method: MethodConfig, setting: SettingConfig) -> list[Problem]:
    """Find the fusion variants that nobody wrote, and a block that the setting's CLIP lacks."""
    if method.fusion is None or method.semantics is None:
        return []
    asked = {
        "fusion.within_2d": method.fusion.within_2d,
        "fusion.across": method.fusion.across,
    }
    lacking = layer_problem(setting.clip.model, method.semantics.layer)
    layers = [] if lacking is None else [Problem("semantics.layer", lacking)]
    return [*_unknown(asked, "fusion variant"), *layers]


def setting_problems(
    setting: SettingConfig, methods: Iterable[MethodConfig], workspace: Workspace
) -> list[Problem]:
    """Find presets, parsers, rooms and weights that there are not; of the weights what is used."""
    encoders = {"sam": setting.sam, "clip": setting.clip, "text": setting.text}
    models = {f"{name}.model": encoder.model for name, encoder in encoders.items()}
    found = [*_unknown(models, "preset"), *_rooms_problems(setting)]
    found += _parser_problems(setting, workspace)
    return found + _missing(_used_weights(setting, methods), workspace)


def _parser_problems(setting: SettingConfig, workspace: Workspace) -> list[Problem]:
    try:
        parser_identity(setting.text.parser, workspace.weights)
    except ConfigError as error:
        return [Problem("text.parser", str(error))]
    return []


def require_rooms(setting: SettingConfig) -> None:
    """Refuse more rooms than there are seeds for with a ConfigError."""
    _refuse(_told(f"setting {setting.name}", _rooms_problems(setting)))


def _rooms_problems(setting: SettingConfig) -> list[Problem]:
    rooms = setting.data.rooms
    if rooms is None:
        return []
    counts = {"train_rooms": (rooms.train_rooms, TRAIN), "val_rooms": (rooms.val_rooms, VAL)}
    return [
        Problem(f"data.rooms.{key}", f"{count} rooms, of which there are at most {len(seeds)}")
        for key, (count, seeds) in counts.items()
        if count > len(seeds)
    ]


def _used_weights(setting: SettingConfig, methods: Iterable[MethodConfig]) -> dict[str, str]:
    used = {"text.weights": setting.text.weights}
    for method in methods:
        if method.semantics is not None:
            used["clip.weights"] = setting.clip.weights
            if "instance" in method.semantics.granularities:
                used["sam.weights"] = setting.sam.weights
    return used


def _missing(used: dict[str, str], workspace: Workspace) -> list[Problem]:
    found = []
    for key, weights in used.items():
        try:
            weights_identity(weights, workspace.weights)
        except ConfigError as error:
            found.append(Problem(key, str(error)))
        if weights.startswith(RANDOM) and not weights.removeprefix(RANDOM).isdecimal():
            found.append(Problem(key, f"{weights!r}: write {RANDOM}SEED, e.g. {RANDOM}0"))
    return found


def _unknown(asked: dict[str, str], called: str) -> Iterator[Problem]:
    for key, name in asked.items():
        known = known_names(key)
        if name not in known:
            yield Problem(key, f"no {called} is called {name!r}; {nearest(name, known, 'known')}")


def _wrong_setting(
    place: Path, setting: SettingConfig, methods: Iterable[MethodConfig], workspace: Workspace
) -> list[str]:
    """Tell the problems of the setting in the file `place`, the U-Net's weights included."""
    found = setting_problems(setting, methods, workspace)
    if setting.training.backbone_weights is not None:
        backbone = {"training.backbone_weights": setting.training.backbone_weights}
        found += _missing(backbone, workspace)
    return _told(place, found)


def _wrong_methods(
    experiment: Experiment, rows: Iterable[Row], setting: SettingConfig
) -> list[str]:
    """Tell the methods' problems, in an ablation the base's once and then what a switch brings."""
    methods = experiment.source.parent / "methods"
    if not isinstance(experiment.config, AblationConfig):
        return [
            line
            for row in rows
            for line in _told(methods / f"{row.name}.toml", method_problems(row.method, setting))
        ]
    base = methods / f"{experiment.config.base}.toml"
    of_base = method_problems(load(base, MethodConfig), setting)
    told = _told(base, of_base)
    for row in rows:
        brought = [p for p in method_problems(row.method, setting) if p not in of_base]
        told += _told(f"{experiment.source}, row {row.name}", brought)
    return told


def _told(place: Path | str, problems: Iterable[Problem]) -> list[str]:
    return [f"{place}, {problem.key}: {problem.reason}" for problem in problems]


def _refuse(told: list[str]) -> None:
    if told:
        raise ConfigError("\n".join(dict.fromkeys(told)))
