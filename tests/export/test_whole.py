"""A file or folder is there whole or not at all."""

import errno
import os

import pytest

from tfae.export.whole import whole


def test_a_folder_appears_at_the_end_of_the_block(tmp_path):
    with whole(tmp_path / "new" / "folder") as path:
        path.mkdir()
        (path / "file").write_text("content")
        assert not (tmp_path / "new" / "folder").exists()
    assert (tmp_path / "new" / "folder" / "file").read_text() == "content"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["folder"]


def test_nothing_is_left_when_the_block_fails(tmp_path):
    def interrupted():
        with whole(tmp_path / "new" / "folder") as path:
            path.mkdir()
            (path / "file").write_text("content")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_when_the_disk_does_not_take_it(tmp_path, monkeypatch):
    def no_space(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"), whole(tmp_path / "file") as path:
        path.write_text("content")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("replace", [False, True])
def test_what_exists_is_replaced_on_request_only(tmp_path, replace):
    (tmp_path / "file").write_text("old")
    if replace:
        with whole(tmp_path / "file", replace=True) as path:
            path.write_text("new")
        assert (tmp_path / "file").read_text() == "new"
    else:
        with pytest.raises(ValueError, match="file exists already"), whole(tmp_path / "file"):
            pytest.fail("the block ran")
        assert (tmp_path / "file").read_text() == "old"


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="exists"), whole(tmp_path / "folder", replace=True):
        pytest.fail("the block ran")


def test_what_came_into_being_meanwhile_stays(tmp_path):
    def overtaken():
        with whole(tmp_path / "file") as path:
            path.write_text("mine")
            (tmp_path / "file").write_text("theirs")

    with pytest.raises(ValueError, match="exists already"):
        overtaken()
    assert (tmp_path / "file").read_text() == "theirs"
    assert len(list(tmp_path.iterdir())) == 1
