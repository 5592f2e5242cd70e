"""Finds the pair to provision: in the config, or by the ends that the command line names.

A pair that is not in the config gets all other values as if it stood there: the text with it is
made and read by the daemon's own reader. So a config with faults is refused before it is written.
"""

from dataclasses import dataclass, replace

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.config_edit import edit_config
from hammerd.core.config.model import Config
from hammerd.core.config.reader import read_config
from hammerd.core.config.toml import read_toml
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair, slaves_of
from hammerd.core.plans.provision_facts import EditableFile

NEW_CONFIG = """\
# The config of hammerd; hammerd.toml(5) explains every key.

[defaults]
flush_every = "10s"             # about what a crash can lose; without it up to a minute

"""


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends as the command line names them; None if it does not."""

    master: str | None = None
    slave: str | None = None


@dataclass(frozen=True, slots=True)
class PairOrigin:
    """A pair, the config that it is or will be in, and the edit that writes it there."""

    pair: Pair
    config: Config
    file: EditableFile


def find_pair(path: str, name: str, ends: Ends, *, is_edited: bool) -> PairOrigin:
    """Return the pair of a name; `is_edited`: it is to be written into the config.

    Raises:
        CommandFailed: the config cannot be read, or the ends are not known, or others.
        ConfigError: the config has faults, with the pair in it.
    """
    content = _read(path)
    if content is not None and _has_pair(content, path, name):
        config = read_config(content, path)
        pair = _with_turn(_pair_of(config, name), ends.slave)
        _check_same(path, pair, ends)
        return PairOrigin(pair, config, EditableFile(path, is_edited=is_edited))
    if ends.master is None or ends.slave is None:
        where = f"{path} has no pair {name}" if content is not None else f"there is no {path}"
        hint = "name the ends of the pair with --master and --slave; --config writes them there"
        raise CommandFailed(where, hint, code=Exit.USAGE)
    return _new_pair(path, content, name, {"master": ends.master, "slave": ends.slave}, is_edited)


def _new_pair(
    path: str, content: bytes | None, name: str, keys: dict[str, str], is_edited: bool
) -> PairOrigin:
    text = None if content is None else content.decode()
    edit = edit_config(path, NEW_CONFIG if text is None else text, name, keys)
    if edit is None:
        raise CommandFailed(f"pair {name} cannot be added to {path}", "write it there by hand")
    config = read_config(edit.text.encode(), path)
    change = edit.change if text is not None else tuple(f"+ {x}" for x in edit.text.splitlines())
    file = EditableFile(path, text, edit.text, change, is_edited)
    return PairOrigin(_pair_of(config, name), config, file)


def _read(path: str) -> bytes | None:
    """Return the bytes of the config, None if it is missing."""
    # The daemon's own reader: it refuses a file that others could change.
    from hammerd.daemon.service.config_file import read

    try:
        return read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}", code=Exit.NO_INPUT) from error


def _has_pair(content: bytes, path: str, name: str) -> bool:
    pairs = read_toml(content, path).get("pairs")
    return isinstance(pairs, dict) and name in pairs


def _pair_of(config: Config, name: str) -> Pair:
    return next(pair for pair in config.pairs if pair.name == name)


def _with_turn(pair: Pair, slave: str | None) -> Pair:
    """Return a pair whose slaves take turns with the one that the command line names."""
    turns = {each.path: each for each in slaves_of(pair)}
    return replace(pair, slave=turns[slave]) if slave in turns else pair


def _check_same(path: str, pair: Pair, ends: Ends) -> None:
    for key, named, own in (
        ("master", ends.master, pair.master),
        ("slave", ends.slave, pair.slave),
    ):
        if named is not None and named.rstrip("/") not in (str(own), own.path):
            raise CommandFailed(
                f'{path} has pair {pair.name} with {key} = "{own}", not "{named}"',
                f"leave --{key} out, or change the config",
                code=Exit.USAGE,
            )
