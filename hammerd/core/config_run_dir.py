"""Reads where the daemon's sockets are out of a config, whatever else is wrong with it.

Who asks a running daemon needs nothing more: a config that is being edited must not keep people
from seeing how the pairs fare that run by the former one.
"""

from hammerd.core import places
from hammerd.core.config_toml import read_toml
from hammerd.core.config_values import Unreadable, read_path, show_value
from hammerd.core.errors import ConfigError, Fault


def read_run_dir(content: bytes, source: str) -> str:
    """Return the run_dir that the bytes of a config file name, or the default.

    Raises:
        ConfigError: they are no TOML, or name a run_dir that is no path.
    """
    daemon = read_toml(content, source).get("daemon")
    if not isinstance(daemon, dict) or "run_dir" not in daemon:
        return places.RUN_DIR
    try:
        return read_path(daemon["run_dir"])
    except Unreadable as error:
        shown = show_value(daemon["run_dir"])
        faults = (Fault("daemon.run_dir", each.what, shown, each.hint) for each in error.wrongs)
        raise ConfigError(source, tuple(faults)) from error
