"""The command `hammerd authorized-keys`: prints the lines that restrict a pair's keys."""

import os
from dataclasses import dataclass

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.config_pairs import read_one_pair
from hammerd.cli.options.location import config_option, current_location, load_config
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.core import paths
from hammerd.core.api.protocol import refuse_unknown
from hammerd.core.characters import escape_invisible
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.far_keys import FarKey, far_keys
from hammerd.core.hosts.far_guard import owner_word
from hammerd.core.hosts.forced_command import authorized_keys_line
from hammerd.core.pairs import Pair

PLACEHOLDER = "PUT-THE-PUBLIC-KEY-HERE"
LONGEST_KEY = 16384


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a key; `missing_because` tells why `text` is a placeholder."""

    text: str
    missing_because: str = ""


@click.command("authorized-keys", epilog="Example: hammerd authorized-keys home")
@click.argument("pair", callback=read_one_pair, shell_complete=complete_pairs)
@json_option
@config_option
def authorized_keys(pair: str, *, as_json: bool) -> int:
    """Print the line of authorized_keys that holds a PAIR's key to its task.

    There is one for each other host. The key can then do nothing but mirror and ask for the
    status of the PFSs of the pairs that use it, and its mirror-write has a guard against a second
    writer. Needs neither root nor a running hammerd.
    """
    path = current_location().config or paths.CONFIG
    config = load_config(path)
    found = _pair_named(pair, config)
    owner = owner_word(os.uname().nodename, config.daemon.state_dir)
    keys = far_keys(found, config.pairs, owner)
    if not keys:
        what = f"both ends of {found.name} are on this host, and no key is needed"
        raise CommandFailed(what, "name a pair with an end like user@host:/path")
    lines = [(key, _public_key(key)) for key in keys]
    if as_json:
        print_json({"pair": found.name, "keys": [_json(*line) for line in lines]})
        return Exit.OK
    for key, public in lines:
        _print(key, public)
    return Exit.OK


def _pair_named(name: str, config: Config) -> Pair:
    refusal = refuse_unknown([name], [pair.name for pair in config.pairs])
    if refusal is not None:
        raise CommandFailed(refusal.error, refusal.hint, code=Exit.USAGE)
    (found,) = (pair for pair in config.pairs if pair.name == name)
    return found


def _public_key(key: FarKey) -> PublicKey:
    private = key.account.key_file
    if private is None:
        return PublicKey(
            PLACEHOLDER,
            "ssh_identity names no key: give hammerd one of its own, because a restricted key"
            " is of no use for anything else",
        )
    file = f"{private}.pub"
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(LONGEST_KEY).strip()
    except (OSError, ValueError) as error:
        return PublicKey(PLACEHOLDER, f"cannot read {file}: {_reason(error)}")
    if not text.isprintable() or len(text.split()) < len(("type", "key")):
        return PublicKey(PLACEHOLDER, f"{file} is not a public key of one line")
    return PublicKey(text)


def _reason(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "it is no text"


def _line(key: FarKey, public: PublicKey) -> str:
    return authorized_keys_line(key.command, public.text)


def _print(key: FarKey, public: PublicKey) -> None:
    """Print a line of authorized_keys, after what sshd takes for comments; nothing is wrapped."""
    account = key.account
    who = account.user or "the user that ssh logs in as"
    comments = [
        f"on {account.host}, in ~/.ssh/authorized_keys of {who},",
        "one line in place of any other line of this key:",
        *filter(None, [public.missing_because]),
    ]
    for comment in comments:
        click.echo(f"# {escape_invisible(comment)}")
    click.echo(_line(key, public))


def _json(key: FarKey, public: PublicKey) -> dict[str, object]:
    return {
        "host": key.account.host,
        "user": key.account.user,
        "key_file": key.account.key_file,
        "public_key": None if public.missing_because else public.text,
        "public_key_missing_because": public.missing_because or None,
        "ends": [
            {"path": end.path, "role": "slave" if end.is_slave else "master"}
            for end in key.endpoints
        ],
        "command": key.command,
        "line": _line(key, public),
    }
