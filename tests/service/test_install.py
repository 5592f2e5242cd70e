"""Files of `make install`, and the lines for newsyslog about the daemon's logs."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hammerd.core import paths
from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.logging.files import MODE
from tests.daemon.world import INTERPRETER
from tests.service.service import ROOT

NOTIFY = ("apprise", "heartbeat", "mail", "webhook")
NEWSYSLOG = ROOT / "etc/newsyslog.conf.d/hammerd.conf"

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


def make(target: str, dest: Path, *settings: str, umask: str = "022") -> None:
    words = ["-s", target, f"DESTDIR={dest}", f"PYTHON={INTERPRETER}", *settings]
    script = ["sh", "-c", 'umask "$1"; shift; exec make "$@"', "sh", umask, *words]
    subprocess.run(script, cwd=ROOT, check=True)


def make_install(dest: Path, *settings: str) -> None:
    """Install all but the program itself."""
    make("install-service", dest, *settings)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a strict umask and another prefix, over an older release."""
    dest = tmp_path_factory.mktemp("install") / "a dest dir"
    stale = dest / "opt/here/lib/hammerd/hammerd/core/stale.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    make("install", dest, "PREFIX=/opt/here", umask="077")
    return dest / "opt/here"


@needs_make
def test_install_puts_each_file_where_the_system_expects_it(tmp_path: Path) -> None:
    make_install(tmp_path)

    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    modes = {
        str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777
        for path in files
        if not {"man", "monitoring"} & set(path.relative_to(tmp_path).parts)
    }
    assert modes == {
        "usr/local/etc/rc.d/hammerd": 0o555,
        "usr/local/etc/rc.d/hammerd_web": 0o555,
        "usr/local/etc/newsyslog.conf.d/hammerd.conf": 0o444,
        "usr/local/etc/periodic/daily/480.hammerd": 0o555,
        **{f"usr/local/etc/hammerd/notify.d/{name}": 0o555 for name in NOTIFY},
        "usr/local/share/bash-completion/completions/hammerd": 0o444,
        "usr/local/share/fish/vendor_completions.d/hammerd.fish": 0o444,
        "usr/local/share/hammerd/hammerd.tcsh": 0o444,
        "usr/local/share/zsh/site-functions/_hammerd": 0o444,
        paths.SAMPLE.lstrip("/"): 0o444,
    }
    pages = {path.name for path in files if "man" in path.relative_to(tmp_path).parts}
    assert pages == {path.name for path in (ROOT / "docs").glob("*.[1-9]")}
    installed = tmp_path / "usr/local/etc/rc.d/hammerd"
    assert installed.read_bytes() == (ROOT / "rc.d/hammerd").read_bytes()


@needs_make
def test_install_puts_the_monitoring_kit_among_the_examples(installed: Path) -> None:
    there, kit = installed / "share/examples/hammerd/monitoring", ROOT / "etc/monitoring"

    ours, copies = ({file for file in top.rglob("*") if file.is_file()} for top in (kit, there))
    assert {file.relative_to(there) for file in copies} == {file.relative_to(kit) for file in ours}
    for file in copies:
        original = kit / file.relative_to(there)
        assert file.read_text() == original.read_text().replace("/usr/local", "/opt/here")
        assert file.stat().st_mode & 0o777 == 0o444


@needs_make
def test_everybody_can_use_what_was_installed(installed: Path) -> None:
    for path in installed.rglob("*"):
        mode = path.stat().st_mode
        assert mode & 0o044 == 0o044, path
        assert not path.is_dir() or mode & 0o055 == 0o055, path
    assert (installed / "bin/hammerd").stat().st_mode & 0o777 == 0o755


@needs_make
def test_upgrade_leaves_no_stale_module(installed: Path) -> None:
    modules = {
        str(path.relative_to(installed / "lib/hammerd"))
        for path in (installed / "lib/hammerd").rglob("*.py")
    }

    assert modules == {str(path.relative_to(ROOT)) for path in (ROOT / "hammerd").rglob("*.py")}


@needs_make
def test_page_is_installed_whole(installed: Path) -> None:
    page = Path("hammerd/web/static")
    files = {path.relative_to(ROOT) for path in (ROOT / page).rglob("*") if path.is_file()}

    for file in files:
        assert (installed / "lib/hammerd" / file).read_bytes() == (ROOT / file).read_bytes()
    assert {page / "index.html", page / "main.js", page / "uplot/LICENSE"} <= files


@needs_make
def test_installed_program_runs_and_uses_its_prefix(installed: Path) -> None:
    libraries = os.pathsep.join(path for path in sys.path if "site-packages" in path)
    done = subprocess.run(
        [installed / "bin/hammerd", "run", "--help"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": libraries, "COLUMNS": "200"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "/opt/here/etc/hammerd.toml" in done.stdout
    assert (installed / "bin/hammerd").read_text().startswith(f"#!{INTERPRETER}\n")


@needs_make
@pytest.mark.parametrize("name", ["apprise", "mail"])
def test_sample_calls_the_python_of_the_program(installed: Path, name: str) -> None:
    first_line = (installed / "bin/hammerd").read_text().splitlines()[0]

    text = (installed / "etc/hammerd/notify.d" / name).read_text()
    assert f': "${{PYTHON:={first_line[2:]}}}"' in text.splitlines()


@needs_make
def test_no_default_of_another_prefix_is_left(installed: Path) -> None:
    examples = (path for path in installed.rglob("examples/**/*") if path.is_file())
    places = (installed / "lib/hammerd/hammerd/core/paths.py", *installed.rglob("*.sample"))
    pages = (installed / "share/man").rglob("*.[1-9]")

    assert [
        path for path in (*places, *pages, *examples) if "/usr/local/" in path.read_text()
    ] == []


def test_pip_installs_no_package_beside_hammerd() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["hammerd"]}


@needs_make
def test_uninstall_leaves_the_config_alone(tmp_path: Path) -> None:
    make("install", tmp_path)
    config = tmp_path / paths.CONFIG.lstrip("/")
    config.write_text("# mine\n")

    make("uninstall", tmp_path)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [config]


@needs_make
def test_install_again_replaces_ours_and_leaves_the_config_alone(tmp_path: Path) -> None:
    config = tmp_path / paths.CONFIG.lstrip("/")
    make_install(tmp_path)
    config.write_text("# mine\n")

    make_install(tmp_path)

    assert config.read_text() == "# mine\n"


@needs_make
def test_script_follows_the_prefix(tmp_path: Path) -> None:
    make_install(tmp_path, "PREFIX=/opt/here")

    script = (tmp_path / "opt/here/etc/rc.d/hammerd").read_text()
    web = (tmp_path / "opt/here/etc/rc.d/hammerd_web").read_text()

    assert "/opt/here/bin/hammerd" in script
    assert f'"{paths.CONFIG.replace("/usr/local", "/opt/here")}"' in script
    assert "/usr/local" not in script + web


def test_newsyslog_rotates_each_log_and_makes_hammerd_open_it_again() -> None:
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
