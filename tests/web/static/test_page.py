"""The page in a real browser: what it shows, and what it asks for."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

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

    # Unknown is never 0.
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


def test_pair_is_opened_by_a_click_and_left_by_the_back_button(open_tab: OpenTab) -> None:
    tab = open_tab()
    tab.page.evaluate("scrollTo(0, 120)")

    tab.page.click(row("git", "state"))

    tab.page.wait_for_selector("#detail .facts")
    assert tab.page.url.endswith("#pair=git")
    assert not tab.page.is_visible("#pairs")
    assert tab.text("#detail .headline").startswith("streaming, following, ")
    tab.page.go_back()
    tab.page.wait_for_selector("#pairs")
    assert not tab.page.is_visible("#detail")
    assert tab.focused() == "git"
    assert tab.evaluate("scrollY") == 120
    tab.page.go_forward()
    tab.page.wait_for_selector("#detail .facts")


def test_detail_shows_all_that_is_known(open_tab: OpenTab, site: Site) -> None:
    alarm = {"pair": "homes-offsite", "level": "warning", "because": "lag_warning"}
    alarm |= dict.fromkeys(("since_time", "told_time"), "2026-03-04T15:00:00Z")
    site.status["hammerd"] |= {"alarms": [alarm | {"is_acknowledged": True}]}  # type: ignore[operator]
    site.wait_until_served()
    tab = open_tab("#pair=homes-offsite")
    tab.page.wait_for_selector(".events tbody tr")

    tab.wait_for_text("#detail .facts", "last told at")
    facts = tab.text("#detail .facts")
    for part in (
        "/Backup1/pfs/homes-offsite",
        "slave /Disk2/pfs/homes (9b07d3c5)",
        "away since",
        "lag_warning\n5m00s",
        "lag_warning, since 2026-03-04 15:00 UTC, last told at 2026-03-04 15:00 UTC, acknowledged",
        "verified 2d07h ago",
    ):
        assert part in facts
    assert "has its turn, 1 of 2 is away" in tab.text("#detail .notes")
    assert tab.texts("#detail .panel > h2:visible") == ["Lag", "Facts", "Events"]


def test_chart_is_zoomed_by_buttons_wheel_and_drag(open_tab: OpenTab) -> None:
    tab = open_tab("#pair=home&range=7d")
    tab.page.wait_for_selector(".canvas .uplot")
    spans = [span_of(tab.asked("api/v1/lag")[-1])]
    box = tab.page.locator(".u-over").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def zoom(act: Callable[[], object]) -> None:
        with tab.page.expect_response(lambda reply: "api/v1/lag" in reply.url):
            act()
        spans.append(span_of(tab.asked("api/v1/lag")[-1]))

    zoom(lambda: tab.page.click("button[aria-label='Zoom in']"))
    tab.page.mouse.move(x, y)
    zoom(lambda: tab.page.mouse.wheel(0, -100))

    def drag() -> None:
        tab.page.mouse.down()
        tab.page.mouse.move(x + box["width"] / 4, y, steps=4)
        tab.page.mouse.up()

    zoom(drag)
    zoom(lambda: tab.page.click("button:text-is('30d')"))

    assert spans[0] == pytest.approx(7 * 86_400)
    assert spans[1] == pytest.approx(spans[0] / 2)
    assert spans[2] == pytest.approx(spans[1] * 0.7, rel=0.01)
    assert spans[3] == pytest.approx(spans[2] / 4, rel=0.05)
    assert spans[4] == pytest.approx(30 * 86_400)
    assert tab.page.url.endswith("range=30d")


def span_of(url: str) -> float:
    asked = parse_qs(urlsplit(url).query)
    return float(asked["until"][0]) - float(asked["since"][0])


def test_events_are_filtered_and_older_ones_shown_on_demand(open_tab: OpenTab, site: Site) -> None:
    tab = open_tab("#pair=pair-000")
    tab.wait_for_text("#detail .headline", "The config has no pair of this name")
    tab.page.wait_for_selector(".canvas .uplot")
    tab.press("Escape")
    tab.page.click("#all-events summary")
    tab.wait_for("document.querySelectorAll('#all-events tbody tr').length === 50")

    tab.page.click("#all-events button:text-is('Show older events')")
    tab.wait_for("document.querySelectorAll('#all-events tbody tr').length > 50")
    tab.page.select_option("#all-events select", "warning")

    tab.wait_for(
        "[...document.querySelectorAll('#all-events tbody .level')]"
        ".every((each) => each.innerText === 'warning')"
    )
    assert "half_died" in tab.text("#all-events tbody")
