"""What is asked of Slurm, and what is refused before anything is submitted."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from flows.workers.on_slurm import SlurmSite, require_slurm
from flows.workers.pool import WorkerPool
from flows.workers.remote import Outposts
from flows.workers.slurm_settings import SlurmSettings, slurm_settings
from hcfres.config.loading import ConfigError, load
from hcfres.store.workspace import Workspace
from tests.flows.workers import small_slurm
from tests.flows.workers.endings import gone_within

pytest.importorskip("submitit", reason="submitit is not installed")

JOBS = "tests.flows.jobs_for_tests"
EXAMPLE = Path(__file__).resolve().parents[3] / "infra" / "slurm.toml"


def settings(folder: Path, **changed) -> SlurmSettings:
    return load(EXAMPLE, SlurmSettings).model_copy(update={"folder": folder, **changed})


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """A queue, and the folder of its commands."""
    folder = tmp_path / "bin"
    folder.mkdir()
    small_slurm.install(folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@contextmanager
def pool_of(folder: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[WorkerPool]:
    """Workers of one job at a time."""
    site = SlurmSite(settings(folder / "jobs", workers=1, gpus=0, address="192.0.2.7"))
    site.address = "127.0.0.1"
    source = Outposts(site, Workspace(folder), say)
    with WorkerPool(source.slots, source=source) as pool:
        yield pool


def test_a_job_is_a_worker_until_the_pool_closes(slurm, tmp_path):
    with pool_of(tmp_path) as pool:
        worker, _ = pool.call(f"{JOBS}:who")
        assert pool.call(f"{JOBS}:add", 2, 3) == 5
        assert psutil.pid_exists(worker)
        assert len(list((tmp_path / "jobs").glob("*_submitted.pkl"))) == 1
    assert gone_within(worker, 5.0)
    assert not list((tmp_path / "jobs").glob("*.pkl"))


def test_a_job_in_the_queue_is_told_and_leaves_it_when_the_pool_closes(
    slurm, tmp_path, monkeypatch
):
    monkeypatch.setattr("flows.workers.remote._SOON_S", 0.5)
    (slurm / "held").touch()
    said = []
    with pool_of(tmp_path, said.append) as pool:
        pool.warm(f"{JOBS}:who")
        deadline = time.monotonic() + 20.0
        while not said and time.monotonic() < deadline:
            time.sleep(0.1)
    (cancelled,) = (slurm / "cancelled").read_text().split()
    assert said == [f"slurm 1: waits for job {cancelled} (PENDING)"]


def test_the_example_says_what_sbatch_is_asked_for(slurm, tmp_path):
    asked = settings(tmp_path / "jobs", address="192.0.2.7")
    site = SlurmSite(asked)
    assert (site.size, site.kind, site.address) == (8, "cuda", "192.0.2.7")
    script = site._executor._executor._make_submission_file_text("work", "id")
    for line in (
        "--time=1440",
        "--gpus-per-node=1",
        "--cpus-per-task=4",
        "--mem=48GB",
        "--partition=gpu",
        "--constraint=a100",
        "--job-name=hcfres",
    ):
        assert f"#SBATCH {line}\n" in script


def test_without_gpus_none_is_asked_for(slurm, tmp_path):
    site = SlurmSite(settings(tmp_path / "jobs", address="192.0.2.7", gpus=0))
    assert site.kind == "cpu"
    assert "--gpus" not in site._executor._executor._make_submission_file_text("work", "id")


def test_where_there_is_no_file_the_example_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("HCFRES_SLURM", raising=False)
    with pytest.raises(ConfigError) as caught:
        slurm_settings(Workspace(tmp_path))
    assert str(caught.value) == (
        f"--on slurm: there is no {tmp_path}/slurm.toml. Copy infra/slurm.toml there and change "
        "what it asks for, or name another file with HCFRES_SLURM"
    )


def test_a_file_with_two_words_for_one_thing_and_a_wrong_key_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text(EXAMPLE.read_text().replace("constraint", "mem") + "\n")
    monkeypatch.setenv("HCFRES_SLURM", str(path))
    with pytest.raises(ConfigError, match="`sbatch` may not hold mem: other keys decide these"):
        slurm_settings(Workspace(tmp_path))
    path.write_text(EXAMPLE.read_text().replace("workers ", "worker "))
    with pytest.raises(ConfigError, match=r"worker: unknown key; did you mean `workers`\?"):
        slurm_settings(Workspace(tmp_path))


def test_a_machine_that_cannot_submit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_SLURM", str(EXAMPLE))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no `sbatch` here"):
        require_slurm(Workspace(tmp_path))


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
    folder = tmp_path / "jobs"
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(ConfigError, match=f"chmod 700 {folder}"):
        SlurmSite(settings(folder, cluster="local"))


def test_a_folder_of_another_user_is_refused(tmp_path):
    folder = Path("/")  # another one's for whoever may not give folders away
    if os.geteuid() == 0:
        folder = tmp_path / "jobs"
        folder.mkdir(mode=0o700)
        os.chown(folder, 4321, -1)
    with pytest.raises(ConfigError, match=f"folder {folder} belongs to another user"):
        SlurmSite(settings(folder, cluster="local"))


def test_an_address_that_only_this_machine_reaches_is_refused(slurm, tmp_path):
    with pytest.raises(ConfigError, match=r"localhost is .*, which no other machine reaches"):
        SlurmSite(settings(tmp_path / "jobs", address="localhost"))
