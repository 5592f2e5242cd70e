"""Everybody can use the page: by eye in light and dark, on a phone, from the keyboard, by ear."""

from pathlib import Path

import pytest

from tests.web.static.conftest import OpenTab
from tests.web.static.site import Site
from tests.web.static.tab import Tab

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_source() -> str:
    """Return the script of axe; the policy of the page forbids it, so a test must bypass that."""
    module = pytest.importorskip("axe_playwright_python", reason="no playwright here")
    return (Path(module.__file__).parent / "axe.min.js").read_text()


def violations(tab: Tab, *rules: str) -> list[str]:
    """Return what axe finds, each with the elements."""
    found = tab.evaluate(
        """async (runOnly) => {
            const found = await axe.run({ runOnly, resultTypes: ["violations"] });
            const html = (nodes) => nodes.map((node) => `${node.target} ${node.html}`).join("; ");
            return found.violations.map(({ id, nodes }) => `${id}: ${html(nodes)}`);
        }""",
        list(rules or TAGS),
    )
    return list(found)


def test_axe_finds_nothing_in_light_and_dark_and_on_a_phone(open_tab: OpenTab) -> None:
    tab = open_tab(bypass_csp=True, color_scheme="light")
    tab.page.add_script_tag(content=axe_source())
    tab.page.click("#all-events summary")
    tab.page.wait_for_selector("#all-events tbody tr")

    assert violations(tab) == []
    tab.page.click("#theme-dark")
    assert violations(tab, "color-contrast") == []
    tab.page.set_viewport_size({"width": 360, "height": 740})
    assert violations(tab) == []

    tab.page.click("a.open >> text=mail")
    tab.page.wait_for_selector(".canvas .uplot")
    tab.page.wait_for_selector("#detail .events tbody tr")
    for summary in tab.page.locator("#detail summary:visible").all():
        summary.click()
    assert violations(tab) == []
    tab.page.set_viewport_size({"width": 1280, "height": 900})
    tab.page.click("#theme-light")
    assert violations(tab) == []


def test_nothing_is_wider_than_a_phone(open_tab: OpenTab) -> None:
    tab = open_tab(**PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") == 360

    tab.page.click("a.open >> text=mail")
    tab.page.wait_for_selector(".canvas .uplot")

    assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_page_is_used_from_the_keyboard_alone(open_tab: OpenTab) -> None:
    tab = open_tab()

    tab.press("Tab")
    assert tab.focused() == "Skip to the pairs"
    tab.press("Enter")
    assert tab.focused() == "mail"
    tab.press("j", "j", "k")
    assert tab.focused() == "vm-images"
    tab.press("Enter")
    tab.page.wait_for_selector("#detail h1")
    assert tab.focused() == "vm-images"
    assert tab.page.title() == "vm-images, 2 critical - hammerd"
    tab.press("Escape")
    tab.page.wait_for_selector("#pairs")
    assert tab.focused() == "vm-images"
    tab.press("/", *"photo")
    assert tab.texts("#pairs tbody:visible .main .pair") == ["photos"]
    assert tab.text("#found") == "1 of 18 pairs"
    tab.press("Tab")
    assert tab.focused() == "Health"
    tab.press("Tab", "Enter")
    assert tab.page.get_attribute("th[data-sort=pair]", "aria-sort") == "ascending"


def test_chart_is_read_from_the_keyboard_and_as_a_table(open_tab: OpenTab) -> None:
    tab = open_tab("#pair=home")
    tab.page.wait_for_selector(".canvas .uplot")
    tab.page.focus(".canvas")

    tab.press("End")
    tab.wait_for("document.querySelector('.readout').innerText.includes('lag ')")
    last = tab.text(".readout")
    tab.press("ArrowLeft", "ArrowLeft")
    tab.wait_for(f"document.querySelector('.readout').innerText !== {last!r}")
    assert "median" in str(tab.page.get_attribute(".canvas", "aria-label"))

    tab.page.click("summary:text('The chart as a table')")
    assert len(tab.texts(".numbers tbody tr")) == 24


def test_colours_and_times_that_were_chosen_are_kept(open_tab: OpenTab, site: Site) -> None:
    tab = open_tab(timezone_id="Asia/Tokyo", color_scheme="light")
    assert tab.text("#pairs .safe time").endswith("UTC")

    tab.page.click("#theme-dark")
    tab.page.click("#zone-local")
    assert tab.text("#pairs .safe time").endswith("GMT+9")
    tab.open()

    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(228, 232, 236)"
    assert tab.text("#pairs .safe time").endswith("GMT+9")
    assert str(tab.page.get_attribute("#pairs .safe time", "title")).endswith("UTC")


def test_focus_is_seen_and_nothing_moves_for_those_who_want_it_so(open_tab: OpenTab) -> None:
    tab = open_tab(reduced_motion="reduce")

    moving = "[...document.querySelectorAll('*')].filter((each) => each.getAnimations().length || "
    moving += "getComputedStyle(each).transitionDuration !== '0s').length"
    assert tab.evaluate(moving) == 0
    tab.press("Tab", "Tab")
    for _ in range(12):
        style = "getComputedStyle(document.activeElement)"
        assert tab.evaluate(f"{style}.outlineStyle + {style}.outlineWidth") == "solid2px"
        tab.press("Tab")
