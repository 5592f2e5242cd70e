"""Makes the screenshots of docs/web.md, in a real browser, of a synthetic fleet.

    .venv/bin/python -m tests.web.static.print_screenshots

It writes docs/web-*.png.
"""

import shutil
import sys
from typing import TYPE_CHECKING

from tests.paths import ROOT
from tests.web.static.fleet import pair_json, stories, write_history
from tests.web.static.site import Site, now
from tests.web.static.small_png import shrink
from tests.web.static.tab import CHROMIUM_FLAGS, Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDE = {"width": 1280, "height": 860}
TALL = {"width": 1280, "height": 1120}
PHONE = {"width": 360, "height": 760}
DAYS, STEP_S = 32, 120


def main() -> int:
    """Write the pictures."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        sys.stderr.write("no chromium here\n")
        return 69
    site, at = Site(), now()
    write_history(site.history, stories(at), at, DAYS, STEP_S)
    site.show([pair_json(story, at) for story in stories(at)], at)
    site.start_daemon()
    site.start_server()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
            _picture(browser, site, "light", viewport=WIDE)
            _picture(browser, site, "dark", viewport=WIDE, color_scheme="dark")
            _picture(browser, site, "phone", viewport=PHONE, device_scale_factor=1.5)
            _picture(browser, site, "pair", "#pair=mail", viewport=TALL)
            browser.close()
    finally:
        site.close()
    return 0


def _picture(
    browser: "Browser", site: Site, name: str, hash_text: str = "", **settings: object
) -> None:
    tab = Tab(browser.new_context(**settings), site)
    tab.open(hash_text)
    tab.wait_for("document.querySelector('.sparkline .line[d^=M]')")
    if hash_text:
        tab.page.wait_for_selector(".canvas .uplot")
        tab.page.wait_for_selector("#detail .events tbody tr")
    png = shrink(tab.page.screenshot())
    path = ROOT / f"docs/web-{name}.png"
    path.write_bytes(png)
    tab.close()
    sys.stdout.write(f"{path.relative_to(ROOT)}: {len(png):,} bytes\n")


if __name__ == "__main__":
    sys.exit(main())
