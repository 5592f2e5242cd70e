"""Reads where a daemon's sockets and state are out of a config, whatever else is wrong with it.

Who asks a running daemon or reads its history needs nothing more: a config that is being edited
must not keep people from seeing how the pairs fare that run by the former one.
"""

from hammerd.core import paths
from hammerd.core.config.toml import read_toml
from hammerd.core.config.values import Unreadable, read_path, show_value
from hammerd.core.errors import ConfigError, Fault


def read_run_dir(content: bytes, source: str) -> str:
    """Return the run_dir that the bytes of a config file name, or the default.

    Raises:
        ConfigError: they are no TOML, or name a run_dir that is no path.
    """
    return _read_directory("run_dir", paths.RUN_DIR, content, source)


def read_state_dir(content: bytes, source: str) -> str:
    """Return the state_dir that the bytes of a config file name, or the default.

    Raises:
        ConfigError: they are no TOML, or name a state_dir that is no path.
    """
    return _read_directory("state_dir", paths.STATE_DIR, content, source)


def _read_directory(key: str, default: str, content: bytes, source: str) -> str:
    daemon = read_toml(content, source).get("daemon")
    if not isinstance(daemon, dict) or key not in daemon:
        return default
    try:
        return read_path(daemon[key])
    except Unreadable as error:
        shown = show_value(daemon[key])
        faults = (Fault(f"daemon.{key}", each.what, shown, each.hint) for each in error.wrongs)
        raise ConfigError(source, tuple(faults)) from error
