"""Downloads from a real server that drops, truncates, stalls, lies, ignores, and changes."""

import hashlib
import multiprocessing
import os
import re
import shutil
import threading
import time
from collections import namedtuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcfres.data.acquisition import space
from hcfres.data.acquisition.download import (
    Patience,
    Stopped,
    download,
    download_all,
    open_client,
    remote_size,
)
from hcfres.data.acquisition.partial import bytes_there, note_of, part_of
from hcfres.data.acquisition.transfer import NotThereError, Wanted
from hcfres.data.errors import DataError
from tests.data.acquisition.served import Page, running

CONTENT = os.urandom(300_000)
HASH = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(attempts=3, connect_s=0.5, read_s=0.2, backoff_s=0.001, longest_s=0.01)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "scans" / "scene0000_00.sens"


@pytest.fixture
def get(server, target):
    """Download /file with the quick patience."""

    def run(told=lambda *_: None, **known):
        with open_client(QUICK) as client:
            download(Wanted(f"{server.url}/file", target, **known), client, QUICK, told)

    return run


def alone(target):
    """The target is there and nothing beside it."""
    return sorted(path.name for path in target.parent.iterdir()) == [target.name]


def ranges(server):
    return [asked for _, asked, _ in server.asked]


def test_a_file_comes_whole_and_the_progress_ends_at_its_length(server, page, target, get):
    server.pages["/file"] = page(CONTENT)
    counts = []
    get(lambda done, total: counts.append((done, total)), size=len(CONTENT), sha256=HASH)
    assert target.read_bytes() == CONTENT
    assert alone(target)
    assert counts[-1] == (len(CONTENT), len(CONTENT))
    assert counts == sorted(counts)


def test_an_empty_file_is_a_file(server, page, target, get):
    server.pages["/file"] = page(b"")
    get()
    assert target.read_bytes() == b""
    assert alone(target)


def test_dropped_connections_are_continued_where_they_broke(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[100_000, 150_000])
    get(sha256=HASH)
    assert target.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-", "bytes=250000-"]
    assert sum(sent for _, _, sent in server.asked) == len(CONTENT)


def test_many_drops_that_each_bring_something_are_no_reason_to_give_up(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[70_000] * 4)
    get(sha256=HASH)
    assert len(server.asked) == 5 > QUICK.attempts


def test_a_stall_is_noticed_and_continued(server, page, target, get):
    server.pages["/file"] = page(CONTENT, stalls=[200_000])
    began = time.monotonic()
    get(sha256=HASH)
    assert time.monotonic() - began < 2
    assert ranges(server) == [None, "bytes=200000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[200_000, 0, 0, 0, 0])
    with pytest.raises(DataError) as error:
        get()
    assert str(error.value).startswith(f"{target}: {server.url}/file was given up after 3 attempts")
    assert "it goes on after 200000 bytes" in str(error.value)
    assert not target.exists()
    assert bytes_there(target) == 200_000
    server.pages["/file"].cuts.clear()
    server.asked.clear()
    get(sha256=HASH)
    assert ranges(server) == ["bytes=200000-"]
    assert alone(target)


def test_a_whole_part_whose_run_was_killed_before_it_took_its_place_is_taken(
    server, page, target, get
):
    server.pages["/file"] = page(CONTENT, cuts=[200_000, 0, 0, 0])
    with pytest.raises(DataError):
        get()
    part_of(target).write_bytes(CONTENT)
    server.pages["/file"].cuts.clear()
    get(sha256=HASH)
    assert ranges(server)[-1] == f"bytes={len(CONTENT)}-"
    assert target.read_bytes() == CONTENT


def test_a_server_that_is_restarted_in_the_middle_of_a_file_is_waited_for(server, page, target):
    server.pages["/file"] = page(CONTENT, cuts=[100_000], statuses=[200] + [503] * 500)
    port = server.server_address[1]
    patience = Patience(attempts=200, connect_s=0.5, read_s=0.5, backoff_s=0.02, longest_s=0.02)
    with open_client(patience) as client:
        wanted = Wanted(f"{server.url}/file", target, sha256=HASH)
        run = threading.Thread(target=download, args=(wanted, client, patience))
        run.start()
        while bytes_there(target) < 100_000:
            time.sleep(0.001)
        server.shutdown()
        server.server_close()
        time.sleep(0.1)
        with running(port, {"/file": page(CONTENT)}) as again:
            run.join(10)
            assert ranges(again) == ["bytes=100000-"]
    assert target.read_bytes() == CONTENT


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_a_server_does_the_file_is_whole_or_not_there(tmp_path_factory, data):
    """Any mixture of drops, errors, ignored ranges, changes and false beginnings."""
    target = tmp_path_factory.mktemp("any") / "file"
    contents = [CONTENT[:20_000], CONTENT[20_000:45_000]]
    with running() as server:
        server.pages["/file"] = Page(
            contents[0],
            etag=data.draw(st.sampled_from(['"first"', None, 'W/"weak"'])),
            cuts=data.draw(st.lists(st.integers(0, 20_000), max_size=4)),
            statuses=data.draw(st.lists(st.sampled_from([500, 503, 429]), max_size=2)),
            ranges=data.draw(st.booleans()),
            shift=data.draw(st.sampled_from([0, 0, 7])),
            changes=data.draw(st.sampled_from([[], contents[1:]])),
        )
        try:
            with open_client(QUICK) as client:
                download(Wanted(f"{server.url}/file", target), client, QUICK)
        except DataError as error:
            assert f"{server.url}/file" in str(error)
            assert not target.exists()
        else:
            assert target.read_bytes() in contents
            assert alone(target)


def test_a_server_that_ignores_ranges_begins_anew(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[100_000], ranges=False)
    get(sha256=HASH)
    assert target.read_bytes() == CONTENT
    assert [sent for _, _, sent in server.asked] == [100_000, len(CONTENT)]


def test_a_server_that_ignores_ranges_and_always_drops_is_given_up(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[100_000] * 20, ranges=False)
    with pytest.raises(DataError, match="given up after 3 attempts"):
        get()
    assert len(server.asked) == 3


def test_a_file_that_changes_in_the_middle_is_never_a_mixture(server, page, target, get):
    other = os.urandom(280_000)
    server.pages["/file"] = page(CONTENT, cuts=[100_000], changes=[other])
    get()
    assert target.read_bytes() == other
    assert [sent for _, _, sent in server.asked] == [100_000, 280_000]


def test_a_range_of_a_changed_file_is_refused_even_when_if_range_is_ignored(
    server, page, target, get
):
    class Careless(page):
        """Serves a range whatever If-Range says."""

        def __getattribute__(self, name):
            if name == "modified":
                return '"first"'
            return super().__getattribute__(name)

    other = os.urandom(len(CONTENT))
    server.pages["/file"] = Careless(CONTENT, cuts=[100_000], changes=[other])
    get()
    assert target.read_bytes() == other


def test_the_time_of_the_last_change_serves_where_there_is_no_etag(
    server, page, target, get, long_ago
):
    server.pages["/file"] = page(CONTENT, etag=None, modified=long_ago, cuts=[100_000])
    get(sha256=HASH)
    assert ranges(server) == [None, "bytes=100000-"]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(server, page, target, get, etag):
    server.pages["/file"] = page(CONTENT, etag=etag, cuts=[100_000])
    get(sha256=HASH)
    assert ranges(server) == [None, None]


def test_a_part_of_another_address_is_not_continued(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[200_000, 0, 0, 0])
    with pytest.raises(DataError):
        get()
    server.pages["/other"] = page(CONTENT[::-1])
    server.asked.clear()
    with open_client(QUICK) as client:
        download(Wanted(f"{server.url}/other", target), client, QUICK)
    assert target.read_bytes() == CONTENT[::-1]
    assert ranges(server) == [None]


def test_a_wrong_content_range_is_refused_and_nothing_of_it_kept(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[100_000], shift=5)
    get(sha256=HASH)
    assert target.read_bytes() == CONTENT
    assert ranges(server) == [None, "bytes=100000-", None]


def test_a_length_that_is_too_long_is_noticed(server, page, target, get):
    server.pages["/file"] = page(CONTENT, announced=len(CONTENT) + 1000)
    with pytest.raises(DataError, match="given up"):
        get()
    assert not target.exists()


def test_a_length_that_is_too_short_is_noticed_by_size_and_by_hash(server, page, target, get):
    server.pages["/file"] = page(CONTENT, announced=len(CONTENT) - 1000)
    with pytest.raises(DataError, match=f"announces 299000 bytes; the file has {len(CONTENT)}"):
        get(size=len(CONTENT))
    with pytest.raises(DataError, match="content with the sha256"):
        get(sha256=HASH)
    assert not target.exists()
    assert list(target.parent.iterdir()) == []


def test_wrong_content_is_not_kept(server, page, target, get):
    server.pages["/file"] = page(CONTENT[::-1])
    with pytest.raises(DataError) as error:
        get(sha256=HASH)
    assert f"the file has {HASH}" in str(error.value)
    assert "The copy there is damaged" in str(error.value)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_no_file_and_spoils_nothing_that_is_there(server, page, target, get, kind):
    target.parent.mkdir()
    target.write_bytes(b"old")
    server.pages["/file"] = page(b"\n <!DOCTYPE html><title>Sign in</title>", kind=kind)
    with pytest.raises(DataError) as error:
        get()
    assert str(error.value) == (
        f"{target}: {server.url}/file is a web page, not the file: a sign-in or an error page. "
        "Check that your access is still valid, and give the whole signed address to --from"
    )
    assert target.read_bytes() == b"old"
    assert alone(target)
    assert len(server.asked) == 1


def test_a_web_page_in_the_place_of_the_rest_leaves_the_first_part(server, page, target, get):
    server.pages["/file"] = page(CONTENT, cuts=[100_000, 0, 0, 0])
    with pytest.raises(DataError):
        get()
    server.pages["/file"] = page(b"<html>", etag='"page"')
    with pytest.raises(DataError, match="is a web page"):
        get()
    assert bytes_there(target) == 100_000


def test_a_busy_server_is_asked_again(server, page, target, get):
    server.pages["/file"] = page(CONTENT, statuses=[503, 429])
    get(sha256=HASH)
    assert target.read_bytes() == CONTENT


def test_what_the_server_asks_to_wait_is_waited_but_not_for_ever():
    patience = Patience(backoff_s=1.0, longest_s=60.0)
    assert patience.pause_s(1, asked_s=7.0) == 7
    assert patience.pause_s(1, asked_s=1e9) == 60
    assert all(0.5 <= patience.pause_s(1) <= 1 for _ in range(50))
    assert all(2 <= patience.pause_s(3) <= 4 for _ in range(50))
    assert patience.pause_s(1000) <= 60


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "is not there"), (410, "is not there"), (401, "is refused"), (403, "is refused")],
)
def test_an_answer_that_will_not_get_better_is_asked_once(server, page, target, get, status, said):
    server.pages["/file"] = page(CONTENT, statuses=[status] * 9)
    with pytest.raises(DataError) as error:
        get()
    assert f"{server.url}/file {said} (the server answers {status})" in str(error.value)
    assert isinstance(error.value, NotThereError) == (status in (404, 410))
    assert len(server.asked) == 1
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_an_encoded_answer_is_refused(server, page, target, get):
    server.pages["/file"] = page(CONTENT, headers={"Content-Encoding": "gzip"})
    with pytest.raises(DataError, match="comes encoded as 'gzip'"):
        get()


def test_redirects_are_followed(server, page, target, get):
    server.pages["/file"] = page(b"", redirect="/there")
    server.pages["/there"] = page(CONTENT, cuts=[100_000])
    get(sha256=HASH)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/file", "/file"])
def test_redirects_elsewhere_or_in_circles_are_refused(server, page, target, get, where):
    server.pages["/file"] = page(b"", redirect=where)
    with pytest.raises(DataError, match="leads nowhere"):
        get()
    assert not target.exists()


def test_nobody_at_the_address_is_one_error(target, server, get):
    server.server_close()
    with pytest.raises(DataError, match="given up after 3 attempts that brought nothing: Connect"):
        get()


def test_secrets_of_an_address_are_sent_and_never_told(server, page, target):
    server.pages["/file"] = page(CONTENT[:1000], statuses=[403])
    url = f"{server.url}/file?signature=hush".replace("//", "//me:pa55word@")
    with open_client(QUICK) as client, pytest.raises(DataError) as error:
        download(Wanted(url, target), client, QUICK)
    assert server.asked[0][0] == "/file?signature=hush"
    assert server.authorisation[0].startswith("Basic ")
    assert not re.search("hush|pa55word", str(error.value))
    server.pages["/file"].cuts = [900, 0, 0, 0]
    with open_client(QUICK) as client, pytest.raises(DataError):
        download(Wanted(url, target), client, QUICK)
    assert not re.search("hush|pa55word", note_of(target).read_text())


def test_a_full_disk_is_known_before_the_first_byte(server, page, target, get, monkeypatch):
    usage = namedtuple("usage", "total used free")
    room = space.RESERVE + 100_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 0, room))
    server.pages["/file"] = page(CONTENT)
    with pytest.raises(DataError) as error:
        get()
    assert "300 kB are needed and 100 kB are free on this disk" in str(error.value)
    assert f"{target}: {server.url}/file" in str(error.value)
    assert list(target.parent.iterdir()) == []


def test_files_side_by_side_share_the_room(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, space.RESERVE + 100))
    with space.promised(tmp_path / "a", 70, "x") as first:
        with (
            pytest.raises(DataError, match="40 B are needed and 30 B are free"),
            space.promised(tmp_path / "b", 40, "x"),
        ):
            pass
        first.spend(50)
        with space.promised(tmp_path / "b", 40, "x"):
            pass
    with space.promised(tmp_path / "b", 100, "x"):
        pass


def test_files_come_in_parallel_and_one_failure_costs_only_itself(server, page, tmp_path):
    for number in range(6):
        server.pages[f"/{number}"] = page(CONTENT[number:], cuts=[1000 * number or 1])
    del server.pages["/3"]
    files = [Wanted(f"{server.url}/{n}", tmp_path / str(n)) for n in range(6)]
    with open_client(QUICK) as client, pytest.raises(NotThereError, match="/3 is not there"):
        download_all(files, client, 3, QUICK)
    for number in (0, 1, 2, 4, 5):
        assert (tmp_path / str(number)).read_bytes() == CONTENT[number:]
    with open_client(QUICK) as client, pytest.raises(DataError, match="2 problems"):
        missing = [Wanted(f"{server.url}/{n}", tmp_path / n) for n in ("x", "y")]
        download_all(missing, client, 2, QUICK)


def test_an_interrupt_ends_all_downloads_soon_and_keeps_what_came(server, page, tmp_path):
    slow = Patience(attempts=3, read_s=0.3, backoff_s=0.001)
    for number in range(4):
        server.pages[f"/{number}"] = page(CONTENT, stalls=[290_000] * 50)

    def interrupt(wanted, done, total):
        if wanted.target.name == "0":
            raise KeyboardInterrupt

    files = [Wanted(f"{server.url}/{n}", tmp_path / str(n)) for n in range(4)]
    began = time.monotonic()
    with open_client(slow) as client, pytest.raises(KeyboardInterrupt):
        download_all(files, client, 2, slow, interrupt)
    assert time.monotonic() - began < 3
    assert not any((tmp_path / str(n)).exists() for n in range(4))


def test_a_stop_is_obeyed_while_waiting(server, page, target):
    server.pages["/file"] = page(CONTENT, statuses=[503] * 9)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    patient = Patience(backoff_s=30.0, longest_s=30.0)
    with open_client(patient) as client, pytest.raises(Stopped):
        download(Wanted(f"{server.url}/file", target), client, patient, stop=stop)


def test_two_processes_do_not_write_one_file(server, page, target, get):
    server.pages["/file"] = page(CONTENT)
    inside, go_on = threading.Event(), threading.Event()

    def wait(done, total):
        inside.set()
        go_on.wait(5)

    first = threading.Thread(target=get, args=(wait,))
    first.start()
    inside.wait(5)
    with pytest.raises(DataError, match="another process is fetching this file"):
        get()
    go_on.set()
    first.join()
    assert target.read_bytes() == CONTENT


def test_a_killed_process_leaves_nothing_half_and_its_bytes_serve_the_next(
    server, page, target, get
):
    server.pages["/file"] = page(CONTENT, stalls=[250_000])
    patient = multiprocessing.get_context("spawn").Process(
        target=_patient_fetch, args=(f"{server.url}/file", target)
    )
    patient.start()
    deadline = time.monotonic() + 20
    while bytes_there(target) < 250_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    patient.kill()
    patient.join()
    assert not target.exists()
    get(sha256=HASH)
    assert ranges(server)[-1] == "bytes=250000-"
    assert alone(target)


def _patient_fetch(url, target):
    patience = Patience(read_s=60.0)
    with open_client(patience) as client:
        download(Wanted(url, target), client, patience)


def test_sizes_are_asked_with_head_or_with_the_first_byte(server, page, target):
    wanted = Wanted("", target)
    server.pages["/file"] = page(CONTENT)
    server.pages["/headless"] = page(CONTENT, head=False)
    server.pages["/page"] = page(b"<html>", kind="text/html")
    with open_client(QUICK) as client:

        def ask(name):
            url = f"{server.url}/{name}"
            return remote_size(url, client, Wanted(url, target), QUICK)

        assert ask("file") == ask("headless") == len(CONTENT)
        with pytest.raises(NotThereError):
            ask("none")
        with pytest.raises(DataError, match="is a web page"):
            ask("page")
    assert wanted.target == target
