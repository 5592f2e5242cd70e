"""The examples for Nagios, Zabbix and cron: their commands run on a daemon on the simulator.

Neither Nagios nor Zabbix runs in the tests: the commands do, and what a server of Zabbix cuts out
of the answer is read by a small JSONPath of its own.
"""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from hammerd.core.api.health import Health
from hammerd.core.rfc3339 import parse_rfc3339
from tests.daemon.conftest import a_world
from tests.daemon.world import HAMMERD, World
from tests.monitoring.exported import KIT
from tests.monitoring.test_rules import ALERTS
from tests.remote.ports import closed_port
from tests.waiting import until

Json = dict[str, Any]

PROGRAM = "/usr/local/bin/hammerd"
NAGIOS, ZABBIX = KIT / "nagios", KIT / "zabbix"

TEMPLATE = yaml.safe_load((ZABBIX / "hammerd.yaml").read_text())["zabbix_export"]["templates"][0]
(DISCOVERY,) = TEMPLATE["discovery_rules"]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A daemon with a pair that streams, and one whose master is missing; and its program."""
    with a_world({}) as world:
        pair = world.make_pair()
        world.write("first", "first\n")
        config = world.configure({"test": pair, "lost": ("/no/such/master", "/no/such/slave")})
        program = world.root / "hammerd"
        program.write_text(f'#!/bin/sh\nexec {" ".join(HAMMERD)} -c {config} "$@"\n')
        program.chmod(0o755)
        world.start(config)
        world.wait_until_following()
        world.wait_for(lambda pair: pair["state"] == "waiting", "waiting", "lost")
        yield world


def run(world: World, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line for a shell, with the program of the world in place of the installed one."""
    assert PROGRAM in line
    line = line.replace(PROGRAM, str(world.root / "hammerd"))
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


# --- Nagios --------------------------------------------------------------------------------------


def lines_of_nagios() -> Mapping[str, str]:
    """Return each line that runs hammerd by the name of its command, or of its file."""
    text = (NAGIOS / "hammerd.cfg").read_text()
    lines = dict(re.findall(r"command_name\s+(\S+)\n\s+command_line\s+(.+)", text))
    mine = {name: line for name, line in lines.items() if PROGRAM in line}
    (nrpe,) = re.findall(
        r"^command\[check_hammerd\]=(.+)$", (NAGIOS / "nrpe.cfg").read_text(), re.MULTILINE
    )
    (forced,) = re.findall(
        r'^command="(.+)",restrict ', (NAGIOS / "authorized_keys").read_text(), re.MULTILINE
    )
    return {**mine, "nrpe": nrpe, "ssh": forced}


@pytest.mark.parametrize("name", lines_of_nagios())
def test_commands_of_nagios_judge_the_pairs(world: World, name: str) -> None:
    line = lines_of_nagios()[name]
    well = run(world, line.replace("$ARG1$", "test"))
    ill = run(world, line.replace("$ARG1$", "lost"))

    is_of_one = "$ARG1$" in line
    assert (well.returncode, well.stdout[:10]) == (
        (0, "HAMMERD OK") if is_of_one else (1, "HAMMERD WA")
    )
    assert ill.returncode == 1
    assert ill.stdout.startswith("HAMMERD WARNING - lost: waiting, ")
    assert "| 'test_lag'=" in well.stdout.splitlines()[0]


def test_services_use_commands_that_are_defined() -> None:
    text = (NAGIOS / "hammerd.cfg").read_text()
    used = set(re.findall(r"^\W*check_command\s+([^\s!]+)", text, re.MULTILINE))

    assert used <= set(re.findall(r"command_name\s+(\S+)", text))


# --- the textfile collector of node_exporter -----------------------------------------------------


@pytest.fixture
def textfile(world: World, tmp_path: Path) -> Path:
    """Run the line of the crontab once; return the file that it writes."""
    table = (KIT / "textfile/crontab").read_text()
    found = re.search(rf"^(?:\S+\t){{6}}({PROGRAM} .+ )(/\S+/)(\S+)$", table, re.MULTILINE)
    assert found
    ran = run(world, f"{found[1]}{tmp_path}/{found[3]}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    return tmp_path / found[3]


def test_cron_writes_a_file_whose_age_an_alert_watches(textfile: Path) -> None:
    rule = ALERTS["HammerdTextfileStale"]["expr"]
    (pattern,) = re.findall(r'file=~"([^"]+)"', rule)

    assert re.fullmatch(pattern, str(textfile))
    assert not re.fullmatch(pattern, str(textfile.with_name("zfs.prom")))


@pytest.mark.skipif(
    shutil.which("prometheus-node-exporter") is None, reason="no prometheus-node-exporter here"
)
def test_node_exporter_tells_what_is_in_the_file(textfile: Path) -> None:
    with closed_port() as port:
        address = f"127.0.0.1:{port}"
    words = ["--collector.disable-defaults", "--collector.textfile", "--log.level=error"]
    words += [
        f"--collector.textfile.directory={textfile.parent}",
        f"--web.listen-address={address}",
    ]
    exporter = subprocess.Popen(["prometheus-node-exporter", *words])
    try:
        until(lambda: is_listening(port), "node_exporter listens")
        with urllib.request.urlopen(f"http://{address}/metrics") as answer:
            lines = answer.read().decode().splitlines()
    finally:
        exporter.kill()
        exporter.wait()

    assert "hammerd_up 1" in lines
    assert 'hammerd_pair_state{pair="test",state="streaming"} 1' in lines
    assert any(f'node_textfile_mtime_seconds{{file="{textfile}"}}' in line for line in lines)
    assert "node_textfile_scrape_error 0" in lines


def is_listening(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


# --- Zabbix --------------------------------------------------------------------------------------


def ask(world: World) -> Json:
    """Return the answer of the agent to the key that the template asks for."""
    found = re.search(
        r"^UserParameter=([\w.]+),(.+)$", (ZABBIX / "hammerd.conf").read_text(), re.MULTILINE
    )
    assert found
    (asked,) = (item["key"] for item in TEMPLATE["items"] if "type" not in item)
    assert found[1] == asked
    answer: Json = json.loads(run(world, found[2]).stdout)
    return answer


FILTER = re.compile(
    r"\$\.pairs\[\?\(@\.pair=='([^']+)'(?: && @\.(\w+) >= 0)?\)\](?:\.(\w+))?\.first\(\)"
)


def cut_out(path: str, answer: Json) -> object:
    """Return what a JSONPath finds; raise LookupError if it finds nothing."""
    if found := FILTER.fullmatch(path):
        name, positive, key = found.groups()
        pairs = [pair for pair in answer["pairs"] if pair["pair"] == name]
        is_chosen = partial(has_number, key=positive) if positive else bool
        chosen = [pair for pair in pairs if is_chosen(pair)]
        return chosen[0] if key is None else chosen[0][key]
    found_so_far: Any = answer
    for key in path.removeprefix("$.").split("."):
        found_so_far = found_so_far[key]
    return found_so_far


def has_number(pair: Json, key: str) -> bool:
    return pair[key] is not None and pair[key] >= 0


def values(answer: Json, items: list[Any], pair: str = "") -> Mapping[str, Any]:
    """Return what the first step makes of an answer, for each item that then has a value."""
    found = {}
    for item in items:
        step = item["preprocessing"][0]
        assert step["type"] == "JSONPATH"
        try:
            value = cut_out(step["parameters"][0].replace("{#PAIR}", pair), answer)
        except LookupError:
            if step["error_handler"] == "DISCARD_VALUE":
                continue
            value = step["error_handler_params"]
        found[item["key"].replace("[{#PAIR}]", "")] = value
    return found


def dependent() -> list[Any]:
    return [item for item in TEMPLATE["items"] if item.get("type") == "DEPENDENT"]


def discovered(answer: Json) -> list[str]:
    (step,) = DISCOVERY["preprocessing"]
    path = {each["lld_macro"]: each["path"] for each in DISCOVERY["lld_macro_paths"]}
    pairs = cut_out(step["parameters"][0], answer)
    assert isinstance(pairs, list)
    return [str(cut_out(path["{#PAIR}"], each)) for each in pairs]


def test_zabbix_finds_the_pairs_and_their_values(world: World) -> None:
    answer = ask(world)

    assert discovered(answer) == ["test", "lost"]
    assert values(answer, dependent()) == {
        "hammerd.state": "running",
        "hammerd.health": "warning",
        "hammerd.version": answer["hammerd"]["version"],
        "hammerd.own.health": "ok",
    }
    test = values(answer, DISCOVERY["item_prototypes"], "test")
    assert test["hammerd.pair.health"] == "ok"
    assert test["hammerd.pair.lag"] < test["hammerd.pair.lag.warning"] == 300
    assert test["hammerd.pair.free"]["slave_total_bytes"] > 0
    lost = values(answer, DISCOVERY["item_prototypes"], "lost")
    assert lost["hammerd.pair.state"] == "waiting"
    assert "hammerd.pair.lag" not in lost


def test_triggers_of_zabbix_are_about_items_of_the_template() -> None:
    items = [*TEMPLATE["items"], *DISCOVERY["item_prototypes"]]
    triggers = [
        *(each for item in items for each in item.get("triggers", ())),
        *(each for item in items for each in item.get("trigger_prototypes", ())),
        *DISCOVERY["trigger_prototypes"],
    ]
    keys = {item["key"] for item in items}
    names = {(each["name"], each["expression"]) for each in triggers}
    macros = {each["macro"][2:-1] for each in TEMPLATE["macros"]}

    for each in triggers:
        used = re.findall(r"/([^/]+)/([\w.]+(?:\[\{#PAIR\}\])?)", each["expression"])
        assert used
        assert {template for template, _ in used} == {TEMPLATE["template"]}
        assert {key for _, key in used} <= keys
        assert set(re.findall(r"\{\$([A-Z.]+)", each["expression"])) <= macros
        for other in each.get("dependencies", ()):
            assert (other["name"], other["expression"]) in names


def test_uuids_of_the_template_are_unique_and_of_the_fourth_version() -> None:
    uuids = re.findall(r"uuid: (\w+)", (ZABBIX / "hammerd.yaml").read_text())

    assert len(set(uuids)) == len(uuids)
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", each) for each in uuids)


def scripts() -> Mapping[str, str]:
    """Return the scripts of the template by the key of their item."""
    items = [*TEMPLATE["items"], *DISCOVERY["item_prototypes"]]
    return {
        item["key"].replace("[{#PAIR}]", ""): step["parameters"][0]
        for item in items
        for step in item.get("preprocessing", ())
        if step["type"] == "JAVASCRIPT"
    }


@pytest.mark.skipif(shutil.which("duk") is None, reason="no duk here")
def test_scripts_of_zabbix_compute_numbers(world: World, tmp_path: Path) -> None:
    """Zabbix runs its scripts in Duktape, too."""

    def run_script(key: str, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        program = f"print((function (value) {{{scripts()[key]}}})({json.dumps(text)}))"
        file = tmp_path / "script.js"
        file.write_text(program)
        done = subprocess.run(["duk", file], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    pair = next(each for each in ask(world)["pairs"] if each["pair"] == "test")
    then = parse_rfc3339(pair["safe_until_time"]).timestamp()

    assert [run_script("hammerd.pair.health", word) for word in Health] == ["0", "1", "2", "3"]
    assert (
        0
        <= float(run_script("hammerd.pair.safe.age", pair["safe_until_time"]))
        <= time.time() - then
    )
    assert run_script("hammerd.pair.safe.age", "null") == ""
    free = 100 * pair["slave_free_bytes"] / pair["slave_total_bytes"]
    assert float(run_script("hammerd.pair.free", pair)) == pytest.approx(free)


# --- without a daemon ----------------------------------------------------------------------------


@pytest.fixture
def without_daemon(world: World) -> Iterator[World]:
    world.stop(world.daemons[-1])
    yield world
    world.start(world.root / "hammerd.toml")
    world.wait_until_following()


def test_without_a_daemon_both_say_so(without_daemon: World) -> None:
    verdict = run(without_daemon, lines_of_nagios()["check_hammerd"])
    answer = ask(without_daemon)

    assert (verdict.returncode, verdict.stdout[:16]) == (2, "HAMMERD CRITICAL")
    assert values(answer, dependent())["hammerd.state"] == "absent"
    assert discovered(answer) == ["test", "lost"]
    left = values(answer, DISCOVERY["item_prototypes"], "test")
    assert left["hammerd.pair.wanted"] == "up"
    assert "hammerd.pair.health" not in left
    assert parse_rfc3339(left["hammerd.pair.safe.age"])
