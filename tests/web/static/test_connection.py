"""The page over time: without reload, without a connection, without a daemon."""

from tests.web.static.conftest import OpenTab
from tests.web.static.fleet import Story, many, pair_json, stories
from tests.web.static.site import Site, now
from tests.web.static.tab import Tab
from tests.web.static.test_page import row
from tests.web.static.test_words import HOSTILE


def test_lag_grows_by_the_clock_between_two_updates(open_tab: OpenTab, site: Site) -> None:
    at = now()
    site.show([pair_json(Story("late", changes={"lag_s": 60.0, "lag_verdict": "behind"}), at)], at)
    site.wait_until_served()
    tab = open_tab(starts=False)
    tab.page.clock.install()
    tab.open()

    # An update may come meanwhile, from which the lag grows again.
    for _ in range(5):
        tab.page.clock.run_for(30_000)
        if (lag := tab.text(row("late", "lag")))[:3] in {"1m2", "1m3"}:
            break

    assert lag[:3] in {"1m2", "1m3"}


def test_lost_connection_is_told_and_comes_back(open_tab: OpenTab, site: Site) -> None:
    tab = open_tab(is_faulty=True)

    site.stop_server()
    tab.page.wait_for_selector("#connection[data-state=lost]")
    assert tab.text("#connection").startswith("connection lost since ")
    assert "all below is as of then" in tab.text("#troubles")
    assert tab.page.title() == "connection lost - hammerd"
    assert tab.text(row("home", "state")) == "streaming"
    site.start_server()

    tab.page.wait_for_selector("#connection[data-state=live]")
    assert not tab.page.is_visible("#troubles")
    assert tab.page.title() == "2 critical - hammerd"


def test_without_a_daemon_all_is_marked_as_old(open_tab: OpenTab, site: Site) -> None:
    tab = open_tab()
    at = now()
    pairs = [pair_json(story, at) for story in stories(at)]

    site.stop_daemon()
    try:
        tab.wait_for_text("#troubles", "no hammerd answers: nobody mends a stream that fails now")
        assert tab.page.title() == "no answer - hammerd"
        assert tab.evaluate("document.body.classList.contains('is-old')")
        assert tab.text("#daemon") == "does not answer"
    finally:
        site.show(pairs, at)
        site.start_daemon()
    tab.wait_for("document.querySelectorAll('#pairs tbody').length === 18")
    assert tab.page.title() == "2 critical - hammerd"
    assert not tab.page.is_visible("#troubles")


def test_troubles_of_the_daemon_stand_above_the_pairs(open_tab: OpenTab, site: Site) -> None:
    at = now()
    because = "line 3: pairs.x.slave is missing\nline 9: delay is no duration"
    site.show([pair_json(Story("x"), at)], at, reload_refused_because=because)

    tab = open_tab()

    tab.wait_for_text("#troubles", "config refused: line 3: pairs.x.slave is missing\nline 9")
    assert 'the config of before is in force; "hammerd reload"' in tab.text("#troubles")


def test_update_changes_nothing_but_what_has_changed(open_tab: OpenTab, site: Site) -> None:
    at = now()
    told = many(50)
    pairs = [pair_json(story, at) for story in told]
    site.show(pairs, at)
    site.wait_until_served()
    tab = open_tab()
    tab.wait_for("document.querySelectorAll('#pairs tbody').length === 50")
    # The clock changes lags, so only other changes are counted.
    tab.evaluate("""() => {
        window.seen = new Set();
        new MutationObserver((records) => records.forEach(({target}) => {
            const cell = (target.closest ? target : target.parentElement).closest("td, th");
            if (!cell?.matches(".lag, .day")) window.seen.add(cell?.className ?? target.nodeName);
        })).observe(document.querySelector("#pairs"),
            {subtree: true, childList: true, characterData: true, attributes: true});
    }""")

    changed = [dict(pair) for pair in pairs]
    changed[7] |= {"restarts": 77}
    site.show(changed, at)

    tab.wait_for_text(row("pair-007", "restarts"), "77")
    assert tab.evaluate("[...window.seen]") == ["restarts"]


def test_hostile_text_is_shown_as_text(open_tab: OpenTab, site: Site) -> None:
    at = now()
    names = [*HOSTILE, "x" * 10_000]
    pairs = [pair_json(Story(name, changes=all_of(name)), at) for name in names]
    site.show(pairs, at, state=HOSTILE[0], config=HOSTILE[1])
    site.wait_until_served()
    # The history has no pairs of these names, and the browser writes that to its console.
    tab = open_tab(is_faulty=True)

    for number, name in enumerate(names):
        tab.page.locator("#pairs .open").nth(number).click()
        tab.page.wait_for_selector("#detail .facts dd")
        assert tab.evaluate(HIDES, name) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.press("Escape")
        tab.page.wait_for_selector("#pairs")
    assert tab.evaluate("document.querySelectorAll('script').length") == 2


HIDES = """async (name) => {
    const { visible } = await import("/static/dom.js");
    const plain = (text) => text.replace(/\\s+/g, " ").trim();
    const wanted = plain(visible(name));
    const shown = (selector) => plain(document.querySelector(`#detail ${selector}`).innerText);
    const shows = (selector) => shown(selector).includes(wanted);
    return ["h1", "li.cause", "li.words", ".facts", ".words"].filter((each) => !shows(each));
}"""


def all_of(text: str) -> dict[str, object]:
    """Return a status that has a text wherever it may come from others."""
    return {
        "state": "waiting",
        "waiting_for": "backoff",
        "because": text,
        "hint": text,
        "last_words": [text, text],
        "master": text,
        "health": "critical",
        "complaints": [{"name": text, "count": 2, "text": text, "hint": text}],
        "anomalies": [{"name": text, "end": text, "before": text, "after": text, "time": text}],
        "lag_unknown_because": text,
        "host_unread_because": text,
    }


def test_tabs_of_a_browser_share_one_connection(open_tab: OpenTab, site: Site) -> None:
    first = open_tab()
    second = Tab(first.context, site)
    second.open()
    assert [len(tab.asked("api/v1/live")) for tab in (first, second)] == [1, 0]

    with second.page.expect_request("**/api/v1/live"):
        first.page.close()

    at = now()
    site.show([pair_json(story, at) for story in many(3)], at)
    second.wait_for_text("#title", "3 pairs")
