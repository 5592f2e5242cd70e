"""Defines the seam for hosts: the properties of a host that the rest of hammerd depends on.

No other module asks which kind of host it has. A new way to reach a host is a class with these
properties, in a module of its own beside core/hosts/ssh_host.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hammerd.core.hosts.forced_command import Account, FarEndpoint
from hammerd.core.hosts.ssh_argv import SshSettings


class Host(Protocol):
    """A machine that has PFSs, and how its hammer is run."""

    @property
    def name(self) -> str:
        """The name of the host, empty for this machine."""

    @property
    def login(self) -> str:
        """The part of an operand before its colon, `[user@]host`; empty for this machine."""

    @property
    def key(self) -> str:
        """The identity of the host, however it is reached; empty for this machine."""

    @property
    def shares_paths(self) -> bool:
        """Whether this process can open the paths of the host."""

    @property
    def shares_processes(self) -> bool:
        """Whether the processes that write there are in this machine's process table."""

    @property
    def is_probed(self) -> bool:
        """Whether hammerd runs pfs-status there."""

    @property
    def needs_login(self) -> bool:
        """Whether a login comes first, which may print anything and which may hang."""

    @property
    def fetch_key(self) -> str:
        """The command with which a person fetches the host's key; empty for this machine."""

    @property
    def forget_key(self) -> str:
        """The command that removes the host's key; empty for this machine."""

    @property
    def dead_link_s(self) -> float:
        """The longest time in which a dead link to the host is noticed; 0 without a link."""

    def operand(self, path: str) -> str:
        """Return a path of the host as hammer's mirror commands take it."""

    def command(self, hammer: str, words: Sequence[str]) -> tuple[str, ...]:
        """Return the argv that runs hammer there; `hammer` is the program of this machine."""

    def program(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the argv that runs any program there; a restricted key refuses it."""

    @property
    def administered(self) -> "Host | None":
        """The host as a login reaches it that may run any command; None if there is none."""

    def hammerd(self, here: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
        """Return the argv that runs hammerd there; `here` are the words that run it here."""

    def reached_by(self, ssh: SshSettings) -> "Host":
        """Return the host as it is reached with the settings of its pair."""

    def guard(self, owner: str, path: str) -> str:
        """Return the words before a mirror-write to `path` that keep a second writer away.

        `owner` identifies this hammerd there; empty if nothing is to go before the mirror-write.
        """

    @property
    def account(self) -> Account | None:
        """The user and key that hammerd logs in with; None where nobody logs in."""

    def forced_command(self, owner: str, endpoints: Sequence[FarEndpoint]) -> str:
        """Return the command that restricts the key there to these endpoints; empty without one.

        `owner` is as for guard().
        """

    def half(self, words: Sequence[str], guard: str = "") -> Mapping[str, object] | None:
        """Return the start of a stream's half there as JSON, for hammerd-rsh; None without one.

        `words` are options that hammer itself does not pass to that half.
        """


@dataclass(frozen=True, slots=True)
class ThisHost:
    """The machine on which hammerd runs."""

    @property
    def name(self) -> str:
        """Empty: its endpoints are written without a host."""
        return ""

    @property
    def login(self) -> str:
        """Empty: nobody logs in."""
        return ""

    @property
    def key(self) -> str:
        """Empty: a colon would make it another host."""
        return ""

    @property
    def shares_paths(self) -> bool:
        """True: its paths are ours."""
        return True

    @property
    def shares_processes(self) -> bool:
        """True: its processes are in our table."""
        return True

    @property
    def is_probed(self) -> bool:
        """True: a pfs-status here costs a process."""
        return True

    @property
    def needs_login(self) -> bool:
        """False: hammer forks the half itself."""
        return False

    @property
    def fetch_key(self) -> str:
        """Empty: nobody logs in."""
        return ""

    @property
    def forget_key(self) -> str:
        """Empty: nobody logs in."""
        return ""

    @property
    def dead_link_s(self) -> float:
        """0: there is no link."""
        return 0.0

    def operand(self, path: str) -> str:
        """Return the path itself."""
        return path

    def command(self, hammer: str, words: Sequence[str]) -> tuple[str, ...]:
        """Return hammer with its words."""
        return (hammer, *words)

    def program(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the words themselves."""
        return tuple(words)

    @property
    def administered(self) -> Host:
        """This host: nobody logs in."""
        return self

    def hammerd(self, here: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
        """Return the words that run hammerd here, and then those of its command."""
        return (*here, *words)

    def reached_by(self, _ssh: SshSettings) -> Host:
        """Return this host: no settings lead to it."""
        return self

    def guard(self, _owner: str, _path: str) -> str:
        """Return nothing: hammerd itself sees every writer of this machine."""
        return ""

    @property
    def account(self) -> Account | None:
        """None: nobody logs in."""
        return None

    def forced_command(self, _owner: str, _endpoints: Sequence[FarEndpoint]) -> str:
        """Return nothing: no key is needed."""
        return ""

    def half(self, _words: Sequence[str], _guard: str = "") -> Mapping[str, object] | None:
        """Return None: hammer forks the half itself."""
        return None


THIS_HOST = ThisHost()
