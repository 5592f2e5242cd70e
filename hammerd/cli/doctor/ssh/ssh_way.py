"""Tries the way to a host that is reached through ssh, up to a login with hammerd's own argv.

What is on this machine comes first: the program and the key. Name and port are tried without ssh,
which tells less of them. One login tells whether the host's key is known, whether ours is
accepted, and for which commands.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from shlex import quote

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.cli.doctor.lines.findings import NEEDS_ROOT, Find, Finding, Way, bad, not_tried, ok
from hammerd.cli.doctor.ssh import reach_program
from hammerd.cli.doctor.ssh.host_key import host_key_finding, host_key_through
from hammerd.cli.doctor.ssh.login import (
    HOST_KEY_REJECTED,
    Login,
    clock_finding,
    log_in,
    login_finding,
)
from hammerd.cli.doctor.system.machine import Machine, last_line
from hammerd.core.hammer.commands import SEARCH_PATH
from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.hosts.ssh_host import SshHost

REACH_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0

_PUBLIC = ".pub"

_UID_FIELD = 2
"""The place of the owner's number in a line of `ls -ldn`."""


@dataclass(frozen=True, slots=True)
class HostWay:
    """The way to a host, and the check of its clock, which needs no further login."""

    way: Way
    clock: Find


class SshWay:
    """The checks of one host; each step finds what later ones need."""

    def __init__(self, machine: Machine, host: SshHost) -> None:
        self._machine = machine
        self._host = host
        self._here = Machine(THIS_HOST)
        self._config: Mapping[str, str] = {}
        self._reached: list[Mapping[str, str]] = []
        self._login: Login | None = None

    def examine(self) -> Way:
        """Try the way; the machine is open if the key may run any command."""
        way = Way()
        way.step("ssh", self._find_ssh)
        way.step("rsh", self._find_rsh)
        way.step("identity", self._find_identity)
        way.step("name", self._find_name)
        way.step("port", self._find_port)
        way.step("host_key", self._find_host_key)
        way.step("login", self._find_login)
        return way

    def clock(self) -> Finding:
        """Judge the clock over there by the login's answer."""
        return clock_finding(self._log_in())

    @property
    def _goes_through(self) -> str:
        """The option that leads ssh through another host or program; empty without one."""
        for key in ("proxyjump", "proxycommand"):
            if self._config.get(key, "none") != "none":
                return f"{key} {self._config[key]}"
        return ""

    # --- on this machine -------------------------------------------------------------------------

    def _find_ssh(self) -> Finding:
        program, *words = self._host.ssh()
        # -G prints the settings for this host and connects nowhere.
        done = self._here.run(program, "-G", *words)
        if done.start_error:
            return bad(done.start_error, "name the ssh program: `ssh` in the config")
        if done.status != 0:
            hint = "correct ssh_options, or the ssh config of the user that runs hammerd"
            return bad(last_line(done) or f"{program} -G fails", hint)
        lines = (line.partition(" ") for line in done.text.splitlines())
        self._config = {key: value for key, _, value in reversed([*lines])}
        return ok(f"{program} to {self._config.get('hostname', self._host.name)}")

    def _find_rsh(self) -> Finding:
        # Imported only here, as other readers of the daemon are.
        from hammerd.daemon.process.rsh_program import rsh_program

        program = rsh_program()
        found = shutil.which(program, path=SEARCH_PATH)
        if found is None:
            what = f"{program} is not there: hammer runs it for each half on another host"
            return bad(what, "install hammerd as a whole: make install, or pip install")
        return ok(found)

    def _find_identity(self) -> Finding:
        identity = self._host.settings.identity
        if identity is None:
            return ok("none is named: ssh tries its own")
        listed = self._here.run("ls", "-ldn", identity)
        if listed.status != 0:
            return _unlisted(identity, self._here.cannot(f"ls {identity}", listed), listed)
        if self._here.run("test", "-r", identity).status != 0:
            return not_tried(f"{identity}: {NEEDS_ROOT}", ends_way=True)
        # It computes the public key, as only a private key without a passphrase allows.
        done = self._here.run(self._beside_ssh("ssh-keygen"), "-y", "-P", "", "-f", identity)
        return ok(identity) if done.start_error else _identity_finding(identity, done, listed)

    def _beside_ssh(self, name: str) -> str:
        return os.path.join(os.path.dirname(self._host.settings.program), name)

    # --- the network -----------------------------------------------------------------------------

    def _find_name(self) -> Finding:
        name = self._hostname
        if through := self._goes_through:
            return not_tried(f"ssh goes through {through}")
        argv = (sys.executable, "-IS", reach_program.__file__, name, self._port)
        done = run_command((*argv, str(CONNECT_TIMEOUT_S)), REACH_TIMEOUT_S, self._machine.env)
        self._reached = [json.loads(line) for line in done.text.split("\n")[:-1]]
        first = self._reached[0] if self._reached else {"error": "no answer in time"}
        if "error" in first:
            hint = "check it with drill(1) and /etc/resolv.conf, or put it into /etc/hosts"
            return bad(f"{name} does not resolve: {first['error']}", hint)
        return ok(f"{name} is {first['addresses']}")

    @property
    def _hostname(self) -> str:
        """The name that ssh connects to, which its config may replace."""
        return self._config.get("hostname", self._host.name)

    @property
    def _port(self) -> str:
        return self._config.get("port", "22")

    def _find_port(self) -> Finding:
        if through := self._goes_through:
            return not_tried(f"ssh goes through {through}")
        second = self._reached[1] if len(self._reached) > 1 else {"error": "no answer in time"}
        if "error" in second:
            what = f"port {self._port}: {second['error']}"
            return bad(what, _port_hint(second["error"]))
        banner = second["banner"]
        if not banner.startswith("SSH-"):
            what = f"port {self._port} is no sshd: {banner or 'it says nothing'}"
            return bad(what, "is ssh_port right? What answers there is not an sshd")
        return ok(f"port {self._port}: {banner}")

    # --- the login -------------------------------------------------------------------------------

    def _log_in(self) -> Login:
        if self._login is None:
            self._login = log_in(self._machine)
            self._machine.is_open = self._login.is_open
        return self._login

    def _find_host_key(self) -> Finding:
        login = self._log_in()
        if login.complaint is not None and login.complaint.name == HOST_KEY_REJECTED:
            if os.geteuid() != 0 and not self._host.settings.only_known_hosts:
                what = f"the key is not known to this user: {NEEDS_ROOT}"
                return not_tried(what, ends_way=True)
            place = (self._hostname, self._port)
            if through := self._goes_through:
                return host_key_through(self._host, login.complaint.text, place, through)
            scan = partial(self._here.run, self._beside_ssh("ssh-keyscan"))
            tools = (scan, self._beside_ssh("ssh-keygen"))
            return host_key_finding(self._host, login.done.error_text, place, tools)
        return ok("is known") if login.is_of_known_host else not_tried("see login")

    def _find_login(self) -> Finding:
        return login_finding(self._log_in(), self._host.login, self._host.settings.identity)


def examine_login(machine: Machine) -> HostWay:
    """Try the way to a host; one that needs no ssh has no such way."""
    if not isinstance(machine.host, SshHost):
        return HostWay(Way(), lambda: ok("is this host's"))
    ssh_way = SshWay(machine, machine.host)
    return HostWay(ssh_way.examine(), ssh_way.clock)


def _unlisted(identity: str, because: Finding, listed: CommandResult) -> Finding:
    if "No such file" in listed.error_text:
        make = f"ssh-keygen -t ed25519 -N '' -f {quote(identity)}"
        hint = f'make it with "{make}", or correct ssh_identity'
        return bad(f"{identity} is not there", hint)
    return not_tried(because.what, ends_way=True)


def _identity_finding(identity: str, done: CommandResult, listed: CommandResult) -> Finding:
    if done.status == 0:
        uid = listed.text.split()[_UID_FIELD]
        if os.geteuid() == 0 and uid != "0":
            what = f"{identity} belongs to uid {uid}, who can use it as root's"
            return bad(what, f'"chown root {quote(identity)}"', ends_way=False)
        return ok(identity)
    said = done.error_text
    if identity.endswith(_PUBLIC):
        hint = f'write ssh_identity = "{identity.removesuffix(_PUBLIC)}"'
        return bad(f"{identity} is no private key but a public one", hint)
    if "UNPROTECTED" in said or "too open" in said:
        what = f"{identity} may be read by others, so ssh refuses it"
        return bad(what, f'"chmod 600 {quote(identity)}"')
    if "passphrase" in said:
        hint = (
            f"nobody types it: \"ssh-keygen -p -N '' -f {quote(identity)}\", or name another key"
        )
        return bad(f"{identity} has a passphrase", hint)
    hint = "name a private key of OpenSSH"
    return bad(f"{identity} is no private key: {last_line(done)}", hint)


def _port_hint(error: str) -> str:
    if "refused" in error:
        return 'the host is up and no sshd answers: "service sshd start" there; is ssh_port right?'
    return "is the host up, does a firewall drop the packets, does a route lead there? Ping it"
