"""Reads run_dir or state_dir from a config, even if the rest of the config has faults.

A command that queries a running daemon or reads its history needs no more. So while the config
is being edited, a person can still see the status of the pairs that run with the previous one.
"""

from hammerd.core import paths
from hammerd.core.config.toml import read_toml
from hammerd.core.config.values import InvalidValue, read_path, show_value
from hammerd.core.errors import ConfigError, Fault

_DEFAULTS = {"run_dir": paths.RUN_DIR, "state_dir": paths.STATE_DIR}


def read_directory(key: str, content: bytes, source: str) -> str:
    """Return the value of run_dir or state_dir in a config file's bytes, or its default.

    Raises:
        ConfigError: the bytes are no TOML, or the value is no path.
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
