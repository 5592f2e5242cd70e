"""Pairs whose ways to the other host are broken, each in another way, under one hammerd."""

import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hammerd.simulator import admin
from tests.daemon.world import Status
from tests.remote.ports import closed_port, dropping_port, silent_port
from tests.remote.remote_world import FarHost, RemoteWorld
from tests.remote.sshd import make_key, user

IMPATIENT = ("ConnectTimeout=2", "ServerAliveInterval=1", "ServerAliveCountMax=2")
"""Options of ssh that bound silent deaths more closely than hammerd's own."""

UNPROBED: dict[str, object] = {"probe_remote": False}
"""A probe of these would wait as long as their launch."""

RUN_ASKED = 'eval "$SSH_ORIGINAL_COMMAND"'


@dataclass(frozen=True)
class Death:
    """A broken way: its consequence, the words of it that status quotes, and of the hint."""

    state: str
    because: str
    words: str
    hint: str

    def is_shown(self, status: Status) -> bool:
        return (status["waiting_for"] or status["state"]) == self.state


@dataclass
class Scene:
    """Pairs with one master, each with a slave on a far host."""

    remote: RemoteWorld
    stack: ExitStack
    options: tuple[str, ...] = IMPATIENT
    pairs: dict[str, tuple[object, object]] = field(default_factory=dict)
    keys: dict[str, dict[str, object]] = field(default_factory=dict)
    kills: dict[str, Callable[[], None]] = field(default_factory=dict)
    cures: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.master = self.remote.near.make_master("m")
        self.remote.near.write("file", "text\n", "m")

    @property
    def far(self) -> FarHost:
        return self.remote.far

    def add(
        self,
        name: str,
        host: FarHost | None = None,
        place: str | None = None,
        identity: Path | None = None,
        **keys: object,
    ) -> None:
        """Add a push pair, with a slave of its own unless a place for it is given."""
        far = host or self.far
        slave = place or far.place(far.disks.make_slave(self.master, name))
        self.add_ends(name, (self.master, slave), far, identity, **keys)

    def add_ends(
        self,
        name: str,
        ends: tuple[object, object],
        far: FarHost,
        identity: Path | None = None,
        **keys: object,
    ) -> None:
        """Add a pair with these ends, of which one at least is on a far host."""
        options = {"ssh_options": list(self.options)} if self.options else {}
        self.pairs[name] = ends
        self.keys[name] = {**far.keys(identity), **options, **keys}

    def forced(self, name: str, command: str) -> Path:
        return self.far.sshd.allow(name, command)


def add_broken_ports(scene: Scene) -> None:
    scene.add("dns", place=f"{user()}@nowhere.invalid:/Backup2/pfs/x")
    scene.add("port_closed", ssh_port=scene.stack.enter_context(closed_port()))
    silent, dropping = map(scene.stack.enter_context, (silent_port(), dropping_port()))
    scene.add("half_open", ssh_port=silent, **UNPROBED)
    scene.add("host_gone", ssh_port=dropping, **UNPROBED)


def add_broken_keys(scene: Scene) -> None:
    root, sshd = scene.remote.near.root, scene.far.sshd
    stranger = make_key(root / "stranger")
    scene.add("wrong_key", identity=root / "stranger")
    scene.cures["wrong_key"] = lambda: sshd.allow_public(stranger)

    changed, unknown = root / "changed_hosts", root / "unknown_hosts"
    known = sshd.known_hosts.read_text()
    changed.write_text(known.replace(sshd.host_key, " ".join(stranger.split()[:2])))
    unknown.write_text("")
    scene.add("changed_host_key", ssh_known_hosts=str(changed))
    scene.cures["changed_host_key"] = lambda: _write(changed, known)
    scene.add("unknown_host_key", ssh_known_hosts=str(unknown))
    scene.cures["unknown_host_key"] = lambda: _write(unknown, known)

    host = scene.remote.add_host("password")
    host.sshd.stop()
    host.sshd.options = {"PubkeyAuthentication": "no", "PasswordAuthentication": "yes"}
    host.sshd.start()
    scene.add("password_prompt", host=host)

    scene.add("wrong_verb", identity=scene.forced("verb", "hammer ssh-remote pfs-status /"))
    scene.add("wrong_path", identity=scene.forced("prefix", "hammer ssh-remote mirror-write /no"))


def add_broken_hosts(scene: Scene) -> None:
    far = scene.far
    scene.add("no_hammer", identity=scene.forced("path", f"PATH=/usr/bin:/bin; {RUN_ASKED}"))
    hanging = scene.forced("hang", "sleep 1000")
    scene.add("silent_login", identity=hanging, launch_timeout="1s", **UNPROBED)
    # nologin(8) and a start-up file that prints do so on stdout, which is the stream.
    scene.add("noisy_login", identity=scene.forced("noisy", f"echo Welcome; {RUN_ASKED}"))
    missing = far.disks.fs(2) / "pfs/late"
    scene.add("no_path", place=far.place(missing))
    scene.cures["no_path"] = lambda: far.disks.make_slave(scene.master, "late")

    full = far.disks.fs(3)
    admin.new_file_system(full, full.name)
    (full / "pfs").mkdir()
    slave = far.disks.make_slave(scene.master, "full", number=3)
    admin.set_knob(full, "full", 1)
    scene.add("disk_full", place=far.place(slave))
    scene.cures["disk_full"] = lambda: admin.set_knob(full, "full", None)


def add_living(scene: Scene) -> None:
    """Add pairs that stream until they are killed, and one that is not."""
    scene.add("alive")
    stopped, frozen = scene.remote.add_host("stopped"), scene.remote.add_host("frozen")
    scene.add("sshd_stopped", host=stopped)
    scene.add("far_side_frozen", host=frozen, **UNPROBED)
    scene.kills["sshd_stopped"] = stopped.sshd.stop
    scene.cures["sshd_stopped"] = stopped.sshd.start
    scene.kills["far_side_frozen"] = lambda: frozen.sshd.signal_all(signal.SIGSTOP)
    scene.cures["far_side_frozen"] = lambda: frozen.sshd.signal_all(signal.SIGCONT)
    scene.stack.callback(frozen.sshd.signal_all, signal.SIGCONT)
    scene.add("half_frozen", stall_timeout="2s")
    slave = str(scene.pairs["half_frozen"][1]).partition(":")[2]
    # ssh and sshd go on to answer; the guard of the next stream ends the frozen half.
    scene.kills["half_frozen"] = lambda: scene.far.sshd.signal_command(slave, signal.SIGSTOP)


def add_far_masters(scene: Scene) -> None:
    """Add pairs whose master is on the other host, or both ends."""
    far, here = scene.far, scene.remote.near
    missing = far.place(far.disks.fs(1) / "pfs/none")
    scene.add_ends("pull_no_path", (missing, here.make_slave(scene.master, "none")), far)
    master = far.disks.make_master("pulled")
    ends = far.place(master), here.make_slave(master, "pulled")
    writes_only = scene.forced("writes", "hammer ssh-remote mirror-write /")
    scene.add_ends("pull_wrong_verb", ends, far, writes_only)

    gone = scene.remote.add_host("gone")
    master = gone.disks.make_master("both")
    slave = gone.disks.make_slave(master, "both")
    scene.add_ends("both_far", (gone.place(master), gone.place(slave)), gone)
    scene.kills["both_far"] = gone.sshd.stop
    scene.cures["both_far"] = gone.sshd.start


def add_all(scene: Scene) -> None:
    parts = (add_broken_ports, add_broken_keys, add_broken_hosts, add_far_masters, add_living)
    for add in parts:
        add(scene)


DEATHS = {
    "dns": Death("backoff", "host_unknown", "Could not resolve hostname", "does not resolve"),
    "port_closed": Death("backoff", "connection_refused", "Connection refused", "no sshd answers"),
    "half_open": Death(
        "backoff", "connection_timed_out", "timed out during banner exchange", "is it up"
    ),
    "host_gone": Death("backoff", "connection_timed_out", "Connection timed out", "is it up"),
    "wrong_key": Death("parked", "refused", "Permission denied (", "authorized_keys"),
    "changed_host_key": Death("parked", "refused", "Host key verification failed", "reinstalled"),
    "unknown_host_key": Death("parked", "refused", "No ED25519 host key is known", "fingerprint"),
    "password_prompt": Death("parked", "refused", "Permission denied (password", "key"),
    "wrong_verb": Death(
        "parked", "refused", "does not match restricted command", "authorized-keys"
    ),
    "wrong_path": Death("parked", "refused", "restricted target", "authorized-keys"),
    "no_hammer": Death("parked", "refused", "hammer: not found", "does not find hammer"),
    "silent_login": Death("backoff", "launch_timeout", "", "ssh, its login or the shell hangs"),
    "noisy_login": Death("backoff", "stream_damaged", "bad signature", "start-up files"),
    "no_path": Death("mount", "path_missing", "", "is its file system mounted"),
    "pull_no_path": Death("mount", "path_missing", "", "is its file system mounted"),
    "pull_wrong_verb": Death(
        "parked", "refused", "does not match restricted command", "authorized-keys"
    ),
    "both_far": Death("backoff", "connection_refused", "Connection refused", "sshd"),
    "disk_full": Death("backoff", "slave_full", "fatal error 28", "prune-everything"),
    "sshd_stopped": Death("backoff", "connection_refused", "Connection refused", "sshd"),
    "far_side_frozen": Death("backoff", "connection_timed_out", "timed out", "is it up"),
}


def _write(path: Path, text: str) -> None:
    path.write_text(text)
