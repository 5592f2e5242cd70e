"""Nothing in a config becomes an option of ssh or a word of a shell."""

import pytest

from hammerd.core.config import ssh_values
from hammerd.core.config.values import InvalidValue


@pytest.mark.parametrize("user", ["root", "mirror-1", "_hammer", "a.b"])
def test_user_is_accepted(user: str) -> None:
    assert ssh_values.read_user(user) == user


@pytest.mark.parametrize("user", ["", "-oProxyCommand=x", "a b", "a@b", "ä", "a;b", "$USER", 7])
def test_user_is_refused(user: object) -> None:
    with pytest.raises(InvalidValue):
        ssh_values.read_user(user)


@pytest.mark.parametrize("port", [0, 65536, -1, "22", 22.0, True, None])
def test_port_is_refused(port: object) -> None:
    with pytest.raises(InvalidValue):
        ssh_values.read_port(port)


@pytest.mark.parametrize("port", [1, 22, 65535])
def test_port_is_accepted(port: int) -> None:
    assert ssh_values.read_port(port) == port


@pytest.mark.parametrize("program", ["hammer", "/sbin/hammer", "/opt/hammer-2/bin/hammer"])
def test_program_is_accepted(program: str) -> None:
    assert ssh_values.read_program(program) == program


@pytest.mark.parametrize(
    "program", ["", "-hammer", "sudo hammer", "hammer;ls", "$(hammer)", "/sbin/mount", "hämmer"]
)
def test_program_is_refused(program: str) -> None:
    with pytest.raises(InvalidValue):
        ssh_values.read_program(program)


def test_options_are_accepted_in_both_forms() -> None:
    given = ["ProxyJump=gate.example", " ServerAliveInterval 30 ", "Ciphers = aes128-ctr"]

    assert ssh_values.read_options(given) == (given[0], given[1].strip(), given[2])


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("Port=22", "Port has a key of its own"),
        ("user root", "user has a key of its own"),
        ("IdentityFile=/k", "IdentityFile has a key of its own"),
        ("BatchMode=no", "BatchMode cannot be changed"),
        ("stricthostkeychecking no", "stricthostkeychecking cannot be changed"),
        ("ControlMaster auto", "ControlMaster cannot be changed"),
        ("LocalForward 1 a:2", "LocalForward does not fit a mirror"),
        ("RequestTTY=yes", "RequestTTY does not fit a mirror"),
        ("-oProxyCommand=x", '"-oProxyCommand=x" is no option'),
        ("ProxyJump", '"ProxyJump" is no option'),
        ("", "is empty"),
        (7, "must be a string"),
    ],
)
def test_option_is_refused(option: object, says: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        ssh_values.read_options([option])

    assert says in str(caught.value)


def test_every_bad_option_is_reported() -> None:
    with pytest.raises(InvalidValue) as caught:
        ssh_values.read_options(["Port=1", "ok=1", "BatchMode=no"])

    assert len(caught.value.problems) == 2


def test_options_are_an_array() -> None:
    with pytest.raises(InvalidValue, match="must be an array"):
        ssh_values.read_options("ProxyJump=gate")
