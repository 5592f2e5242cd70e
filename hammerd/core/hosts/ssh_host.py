"""Defines a host that is reached through ssh."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hammerd.core.hosts.far_guard import guard_words
from hammerd.core.hosts.forced_command import Account, FarEndpoint, RemotePrograms, forced_command
from hammerd.core.hosts.ssh_argv import SshSettings, dead_link_s, ssh_argv


@dataclass(frozen=True, slots=True)
class SshHost:
    """A host that is reached through ssh; without a user ssh itself chooses one."""

    name: str
    user: str | None = None
    settings: SshSettings = field(default_factory=SshSettings)

    @property
    def login(self) -> str:
        """The words `[user@]host` of hammer's operands."""
        return f"{self.user}@{self.name}" if self.user else self.name

    @property
    def key(self) -> str:
        """The name in lower case: the user and the way there make no other host of it."""
        return self.name.lower()

    @property
    def shares_paths(self) -> bool:
        """False: a path over there means nothing here."""
        return False

    @property
    def shares_processes(self) -> bool:
        """False: its writers are in its own process table."""
        return False

    @property
    def is_probed(self) -> bool:
        """As configured (`probe_remote`)."""
        return self.settings.is_probed

    @property
    def needs_login(self) -> bool:
        """True: ssh, a banner and a shell may print anything, and ssh may hang."""
        return True

    @property
    def fetch_key(self) -> str:
        """The command with which a person adds the host's key to hammerd's file."""
        port = f"-p {self.settings.port} " if self.settings.port else ""
        return f"ssh-keyscan {port}{self.name} >> {self._known_hosts}"

    @property
    def forget_key(self) -> str:
        """The command that removes the host's key from hammerd's file."""
        port = self.settings.port
        # csh takes brackets for a pattern.
        name = f"'[{self.name}]:{port}'" if port else self.name
        return f"ssh-keygen -R {name} -f {self._known_hosts}"

    @property
    def _known_hosts(self) -> str:
        return self.settings.known_hosts or "~/.ssh/known_hosts"

    @property
    def dead_link_s(self) -> float:
        """As long as ssh waits for a sign of life."""
        return dead_link_s(self.settings)

    @property
    def administered(self) -> "SshHost | None":
        """The host with its second key, which no forced command restricts."""
        key = self.settings.admin_identity
        if key is None:
            return None
        user = self.settings.admin_user or self.user
        return replace(self, user=user, settings=replace(self.settings, identity=key))

    def reached_by(self, ssh: SshSettings) -> "SshHost":
        """Return the host with these settings; a user in the endpoint precedes theirs."""
        return replace(self, user=self.user or ssh.user, settings=ssh)

    def operand(self, path: str) -> str:
        """Return `[user@]host:path` (docs/hammer.md 7.1)."""
        return f"{self.login}:{path}"

    def ssh(self) -> tuple[str, ...]:
        """Return the argv of ssh up to the host; the remote command comes after it."""
        return ssh_argv(self.settings, self.name, self.user)

    def command(self, _hammer: str, words: Sequence[str]) -> tuple[str, ...]:
        """Return the argv of the ssh that runs hammer there.

        The words of the remote command have single blanks between them, as `hammer ssh-remote`
        wants them (docs/hammer.md 7.4).
        """
        return (*self.ssh(), " ".join((self.settings.remote_hammer, *words)))

    def program(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the argv of the ssh that runs a program there; the login's shell reads it."""
        return (*self.ssh(), " ".join(words))

    def hammerd(self, _here: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
        """Return the argv of the ssh that runs hammerd there."""
        return (*self.ssh(), " ".join((self.settings.remote_hammerd, *words)))

    def guard(self, owner: str, path: str) -> str:
        """Return the words of the guard (core/hosts/far_guard.py), as configured."""
        return guard_words(owner, path) if self.settings.is_guarded else ""

    @property
    def account(self) -> Account:
        """The user and key; the name in lower case, so that equal accounts are equal values."""
        return Account(self.key, self.user, self.settings.identity)

    def forced_command(self, owner: str, endpoints: Sequence[FarEndpoint]) -> str:
        """Return the forced command for the key of these endpoints."""
        programs = RemotePrograms(self.settings.remote_hammer, self.settings.remote_hammerd)
        return forced_command(owner, programs, endpoints)

    def half(self, words: Sequence[str], guard: str = "") -> Mapping[str, object]:
        """Return what hammerd-rsh starts in place of hammer's own ssh."""
        return {
            "to": self.login,
            "ssh": list(self.ssh()),
            "hammer": self.settings.remote_hammer,
            "words": list(words),
            "guard": guard,
        }
