"""The page in a real browser: what it shows, and what it asks for."""

from tests.web.static.conftest import OpenTab
from tests.web.static.fleet import many, pair_json, stories
from tests.web.static.site import Site, now

ROW = '#pairs tbody:has(a[href="#pair={name}"])'


def row(name: str, column: str = "") -> str:
    return ROW.format(name=name) + (f" .{column}" if column else "")


def test_all_pairs_are_shown_with_the_worst_first(open_tab: OpenTab) -> None:
    tab = open_tab()

    assert tab.page.title() == "2 critical - hammerd"
    assert tab.text("#title") == "18 pairs"
    assert tab.texts("#counts button:visible") == [
        *("2 critical", "3 warning", "1 unknown", "10 ok", "1 paused", "1 disabled"),
    ]
    shown = tab.texts("#pairs tbody .main .health")
    assert shown == [
        *["critical"] * 2,
        *["warning"] * 3,
        "unknown",
        *["ok"] * 10,
        "paused",
        "disabled",
    ]
    assert tab.text(row("mail", "state")) == "waiting"
    assert tab.text(row("archive-2019", "gear")) == "bulk 59 %"
    assert tab.text(row("scratch", "state")) == "paused"
    assert tab.text(row("mail", "below")).splitlines()[0].startswith("for backoff: connection_ref")


def test_unknown_is_never_0(open_tab: OpenTab) -> None:
    tab = open_tab()

    assert tab.text(row("vm-images", "lag")) == "unknown"
    assert tab.text(row("vm-images", "safe")) == "unknown"
    assert tab.text(row("jails", "free")) == "unknown"
    assert tab.text(row("old-ports", "lag")) == "-"


def test_change_is_shown_without_reload(open_tab: OpenTab, site: Site) -> None:
    tab = open_tab()
    loads = len(tab.asked("main.js"))
    at = now()
    pairs = [pair_json(story, at) for story in stories(at)]
    home = next(pair for pair in pairs if pair["pair"] == "home")

    home |= {"state": "parked", "because": "crc_error", "health": "critical"}
    site.show(pairs, at)

    tab.wait_for_text(row("home", "state"), "parked")
    assert tab.page.title() == "3 critical - hammerd"
    tab.wait_for_text("#changes", "home is critical")
    assert len(tab.asked("main.js")) == loads


def test_table_of_300_pairs_is_built_once_and_asks_for_two_things(
    open_tab: OpenTab, site: Site
) -> None:
    at = now()
    site.show([pair_json(story, at) for story in many(300)], at)
    site.wait_until_served()

    tab = open_tab()

    tab.wait_for("document.querySelectorAll('#pairs tbody').length === 300")
    tab.wait_for("document.querySelectorAll('.sparkline .line[d^=M]').length >= 2")
    assert sorted({url.split("?")[0].rpartition("/")[2] for url in tab.asked("api/")}) == [
        "live",
        "sparklines",
    ]
    assert len(tab.asked("api/")) == 2
