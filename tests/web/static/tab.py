"""A tab of the browser, which keeps what went wrong in it."""

from typing import TYPE_CHECKING, Any

from tests.web.static.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 30_000

_KEEP_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation",
        (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Tab:
    """A page that is open; `faults` are errors of its scripts and on its console."""

    def __init__(self, context: "BrowserContext", site: Site, *, is_faulty: bool = False) -> None:
        self.context, self.site, self.is_faulty = context, site, is_faulty
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.add_init_script(_KEEP_VIOLATIONS)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def open(self, hash_text: str = "") -> None:
        self.page.goto(self.site.url + hash_text)
        self.page.wait_for_selector("#connection[data-state=live]")

    def texts(self, selector: str) -> list[str]:
        return list(self.page.locator(selector).all_inner_texts())

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until an element holds a text."""
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)",
            arg=[selector, text],
        )

    def wait_for(self, claim: str, argument: object = None) -> None:
        """Wait until a JavaScript expression is true."""
        # A function, and no expression: the policy of the page forbids eval().
        self.page.wait_for_function(f"(argument) => {claim}", arg=argument)

    def evaluate(self, script: str, argument: object = None) -> Any:  # noqa: ANN401 - JSON
        return self.page.evaluate(script, argument)

    def focused(self) -> str:
        """Return the text of the element that has the focus."""
        return str(self.evaluate("document.activeElement.innerText ?? ''")).strip()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def asked(self, part: str) -> list[str]:
        """Return the requests whose address holds a text."""
        return [url for url in self.requests if part in url]

    def close(self) -> None:
        """Close the tab, and hold that nothing went wrong in it."""
        violations = [] if self.page.is_closed() else self.evaluate("window.violations")
        self.context.close()
        assert violations == []
        assert self.is_faulty or self.faults == []
