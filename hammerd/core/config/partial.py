"""Reads where a daemon's sockets and state are out of a config, whatever else is wrong with it.

Who asks a running daemon or reads its history needs nothing more: a config that is being edited
must not keep people from seeing how the pairs fare that run by the former one.
"""

from hammerd.core import paths
from hammerd.core.config.toml import read_toml
from hammerd.core.config.values import InvalidValue, read_path, show_value
from hammerd.core.errors import ConfigError, Fault

_DEFAULTS = {"run_dir": paths.RUN_DIR, "state_dir": paths.STATE_DIR}


def read_directory(key: str, content: bytes, source: str) -> str:
    """Return the directory that a key names in the bytes of a config file, or its default.

    Raises:
        ConfigError: they are no TOML, or what they name is no path.
    """
    daemon = read_toml(content, source).get("daemon")
    if not isinstance(daemon, dict) or key not in daemon:
        return _DEFAULTS[key]
    try:
        return read_path(daemon[key])
    except InvalidValue as error:
        shown = show_value(daemon[key])
        faults = (Fault(f"daemon.{key}", each.what, shown, each.hint) for each in error.problems)
        raise ConfigError(source, tuple(faults)) from error
