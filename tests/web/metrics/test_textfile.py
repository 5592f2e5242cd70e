"""The file of metrics is replaced as a whole."""

import os
from pathlib import Path

import pytest

from hammerd.cli.commands.monitoring.libraries import naming_missing_libraries
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.errors import HammerdError
from hammerd.web.metrics.textfile import write_textfile


def test_everybody_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "hammerd.prom"
    path.write_text("old")
    inode, mask = path.stat().st_ino, os.umask(0o077)
    try:
        write_textfile(str(path), b"new")
    finally:
        os.umask(mask)

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.stat().st_ino != inode
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_where_it_cannot_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "hammerd.prom"
    path.mkdir()

    with pytest.raises(HammerdError, match=f"cannot write {path}"):
        write_textfile(str(path), b"new")

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["prometheus_client", "starlette.routing", "uvicorn"])
def test_missing_library_is_named_with_its_package(name: str) -> None:
    with pytest.raises(CommandFailed) as caught, naming_missing_libraries("web"):
        raise ModuleNotFoundError(name=name)

    package = name.partition(".")[0].replace("_", "-")
    assert f"py311-{package}" in caught.value.hint
    assert caught.value.code == 69
