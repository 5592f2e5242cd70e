"""What `make install` puts where, and that newsyslog's lines are those of the daemon's files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hammerd.core import places
from hammerd.core.daemon_config import DaemonConfig
from hammerd.daemon.log_files import MODE
from tests.service.service import ROOT

NEWSYSLOG = ROOT / "etc/newsyslog.conf.d/hammerd.conf"

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


def make_install(dest: Path, *settings: str) -> None:
    """Install all but the program itself, which is pip's to install."""
    argv = ["make", "-s", "install-service", f"DESTDIR={dest}", *settings]
    subprocess.run(argv, cwd=ROOT, check=True)


@needs_make
def test_install_puts_everything_where_the_system_looks(tmp_path: Path) -> None:
    make_install(tmp_path)

    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777
        for path in files
        if "man" not in path.relative_to(tmp_path).parts
    }
    assert modes == {
        "usr/local/etc/rc.d/hammerd": 0o555,
        "usr/local/etc/newsyslog.conf.d/hammerd.conf": 0o444,
        places.SAMPLE.lstrip("/"): 0o444,
    }
    pages = {path.name for path in files if "man" in path.relative_to(tmp_path).parts}
    assert pages == {path.name for path in (ROOT / "docs").glob("*.[1-9]")}
    installed = tmp_path / "usr/local/etc/rc.d/hammerd"
    assert installed.read_bytes() == (ROOT / "rc.d/hammerd").read_bytes()


@needs_make
def test_install_again_replaces_ours_and_leaves_the_config_alone(tmp_path: Path) -> None:
    config = tmp_path / places.CONFIG.lstrip("/")
    make_install(tmp_path)
    config.write_text("# mine\n")

    make_install(tmp_path)

    assert config.read_text() == "# mine\n"


@needs_make
def test_script_follows_the_prefix(tmp_path: Path) -> None:
    make_install(tmp_path, "PREFIX=/opt/here")

    script = (tmp_path / "opt/here/etc/rc.d/hammerd").read_text()

    assert "/opt/here/bin/hammerd" in script
    assert f'"{places.CONFIG.replace("/usr/local", "/opt/here")}"' in script
    assert "/usr/local" not in script


def test_newsyslog_rotates_each_log_and_has_it_opened_anew() -> None:
    settings = DaemonConfig()
    text = NEWSYSLOG.read_text().splitlines()
    lines = [line.split() for line in text if line and not line.startswith("#")]

    assert [line[0] for line in lines] == [settings.log_file, settings.lag_log_file]
    for _log, owner, mode, count, size, when, flags, pidfile, number in lines:
        assert owner == "root:wheel"
        assert int(mode, 8) == MODE
        assert int(count) > 0
        assert int(size) > 0
        assert (when, flags) == ("*", "BZ")
        assert pidfile == f"{settings.run_dir}/hammerd.pid"
        # A number, since newsyslog knows no names; that of a BSD, which Linux gives to another.
        assert int(number) == 30
