"""A file or folder is written completely or not at all."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from tfae.files import BusyError, atomic_write, locked, move_new


def test_a_folder_appears_only_at_the_end_of_the_block(tmp_path):
    with atomic_write(tmp_path / "new" / "folder") as path:
        path.mkdir()
        (path / "file").write_text("content")
        assert not (tmp_path / "new" / "folder").exists()
    assert (tmp_path / "new" / "folder" / "file").read_text() == "content"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["folder"]


def test_nothing_is_left_when_the_block_fails(tmp_path):
    def interrupted():
        with atomic_write(tmp_path / "new" / "folder") as path:
            path.mkdir()
            (path / "file").write_text("content")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_when_the_disk_is_full(tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"), atomic_write(tmp_path / "file") as path:
        path.write_text("content")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("replace", [False, True])
def test_an_existing_file_is_replaced_only_on_request(tmp_path, replace):
    (tmp_path / "file").write_text("old")
    if replace:
        with atomic_write(tmp_path / "file", replace=True) as path:
            path.write_text("new")
        assert (tmp_path / "file").read_text() == "new"
    else:
        with (
            pytest.raises(ValueError, match="file exists already"),
            atomic_write(tmp_path / "file"),
        ):
            pytest.fail("the block ran")
        assert (tmp_path / "file").read_text() == "old"


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="exists"), atomic_write(tmp_path / "folder", replace=True):
        pytest.fail("the block ran")


def test_a_folder_takes_in_new_files_on_request_and_keeps_its_others(tmp_path):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a").write_text("old")
    (folder / "b").write_text("other")

    def write(fails):
        with atomic_write(folder, merge=True) as path:
            (path / "inner").mkdir(parents=True)
            (path / "inner" / "a").write_text("new")
            (path / "c").write_text("new")
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        write(fails=True)
    assert (folder / "inner" / "a").read_text() == "old"
    write(fails=False)
    files = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*[a-c]")}
    assert files == {"inner/a": "new", "b": "other", "c": "new"}
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_file_that_appeared_meanwhile_is_kept(tmp_path):
    def overtaken():
        with atomic_write(tmp_path / "file") as path:
            path.write_text("mine")
            (tmp_path / "file").write_text("theirs")

    with pytest.raises(ValueError, match="exists already"):
        overtaken()
    assert (tmp_path / "file").read_text() == "theirs"
    assert len(list(tmp_path.iterdir())) == 1


WRITER = """
import pathlib, sys, time, types
sys.modules["tfae"] = package = types.ModuleType("tfae")  # without TensorFlow
package.__path__ = [sys.argv[1]]
from tfae.files import atomic_write, locked
with {call} as path:
    {write}
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def start():
    """Starts processes that write or lock until they are killed."""
    processes = []

    def start(call, write="pass"):
        code = WRITER.format(call=call, write=write)
        folder = os.path.dirname(sys.modules["tfae"].__file__)
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True
            )
        )
        assert processes[-1].stdout.readline() == "writing\n"
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_leftovers_of_killed_writers_are_removed_and_files_of_others_are_kept(tmp_path, start):
    dead = start(f"atomic_write({str(tmp_path / 'a')!r})", "path.write_text('half')")
    alive = start(f"atomic_write({str(tmp_path / 'b')!r})", "path.write_text('half')")
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    (tmp_path / ".b.0-empty.writing").mkdir()  # killed before it had a lock
    (tmp_path / ".not-ours.writing").mkdir()
    (tmp_path / ".not-ours.writing" / "precious").touch()
    assert len(list(tmp_path.iterdir())) == 4
    with atomic_write(tmp_path / "c") as path:
        path.write_text("whole")
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left[0].startswith(f".b.{alive.pid}-")
    assert left[1:] == [".not-ours.writing", "c"]


def test_two_writers_may_replace_one_file_and_the_last_one_wins(tmp_path):
    with atomic_write(tmp_path / "x", replace=True) as first:
        first.write_text("first")
        with atomic_write(tmp_path / "x", replace=True) as second:
            second.write_text("second")
    assert (tmp_path / "x").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.fixture
def synced(monkeypatch):
    """The names of what is flushed to the disk, in order."""
    names = []
    original = os.fsync

    def fsync(descriptor):
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return names


def test_files_their_folders_and_the_parent_are_synced(tmp_path, synced):
    with atomic_write(tmp_path / "folder") as path:
        (path / "inner").mkdir(parents=True)
        (path / "inner" / "file").touch()
    assert sorted(synced[:-1]) == ["file", "folder", "inner"]
    assert synced[-1] == tmp_path.name


def test_a_new_folder_is_synced_and_moved_and_never_replaces_anything(tmp_path, synced):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    move_new(tmp_path / "a", tmp_path / "c")
    assert sorted(synced[:-1]) == ["a", "file"]
    assert synced[-1] == tmp_path.name
    with pytest.raises(ValueError, match="c exists already"):
        move_new(tmp_path / "b", tmp_path / "c")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty exists already"):
        move_new(tmp_path / "b" / "file", tmp_path / "empty")
    assert (tmp_path / "b" / "file").read_text() == "b"
    assert (tmp_path / "c" / "file").read_text() == "a"


@pytest.mark.parametrize("name", ["x" * 255, "\udcff.npy", "[bold]"])
def test_any_name_that_the_file_system_allows_can_be_written(tmp_path, name):
    with atomic_write(tmp_path / name) as path:
        path.touch()
    assert os.listdir(tmp_path) == [name]


def test_a_lock_names_its_holder_and_ends_with_its_process(tmp_path, start):
    other = start(f"locked(pathlib.Path({str(tmp_path / 'lock')!r}))")
    with pytest.raises(BusyError) as raised, locked(tmp_path / "lock"):
        pytest.fail("the block ran")
    assert raised.value.process == str(other.pid)
    other.kill()
    other.wait()
    with locked(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        with (
            pytest.raises(BusyError, match=f"process {os.getpid()} holds"),
            locked(tmp_path / "lock"),
        ):
            pytest.fail("the block ran")
    assert not list(tmp_path.iterdir())
