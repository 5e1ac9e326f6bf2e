"""What the site asks of its host and of the browser, page after page, on a phone and on a desk."""

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from conftest import SIZES, Site, addresses
from hosting import Host, serve
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

PREFIX = "/some/path/"

# Notes from the first moment on what the policy of the page forbids and how far anything moves.
WATCH = """
window.forbidden = []; window.shift = 0
addEventListener("securitypolicyviolation", event => window.forbidden.push(
    event.violatedDirective + " " + (event.blockedURI || "") + " " + (event.sample || "")))
new PerformanceObserver(list => list.getEntries().forEach(
    entry => window.shift += entry.value)).observe({type: "layout-shift", buffered: true})
"""
# As a reader does: screen by screen, each of them drawn.
SCROLL = """async () => {
    const frame = () => new Promise(requestAnimationFrame)
    const page = document.scrollingElement
    await document.fonts.ready
    for (let top = 0; top < page.scrollHeight; top += innerHeight) {
        scrollTo(0, top); await frame()
    }
    scrollTo(0, page.scrollHeight); await frame(); await frame()
}"""
SEEN = """async () => {
    const seen = [...document.images].filter(image => image.checkVisibility())
    seen.forEach(image => image.loading = "eager")
    await Promise.allSettled(seen.map(image => image.decode()))
    return seen.filter(image => !image.complete || !image.naturalWidth).map(image => image.src)
}"""
LOOSE = """() => [...document.images].filter(image => !(image.getAttribute("width") > 0 &&
    image.getAttribute("height") > 0) || (image.checkVisibility() && image.loading !== "lazy" &&
    image.getBoundingClientRect().top + scrollY > innerHeight)).map(image => image.outerHTML)"""


class Visit(NamedTuple):
    """What was seen while a page was read to its end, twice."""

    name: str
    asked: list[str]
    complaints: list[str]
    forbidden: list[str]
    policy: list[str]
    width: int
    shift: float
    missing: list[str]
    loose: list[str]
    first: int
    second: int


def listen(page: Page) -> tuple[list[str], list[str]]:
    """Return two lists that grow: what the page asks for, and what is complained of."""
    asked: list[str] = []
    complaints: list[str] = []

    def on_request(request: Request) -> None:
        asked.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        complaints.append(f"{message.type}: {message.text}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    page.context.on("request", on_request)
    page.context.on("console", on_console)
    page.context.on("weberror", lambda error: complaints.append(str(error.error)))
    page.context.on("response", on_response)
    page.context.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    page.add_init_script(WATCH)
    return asked, complaints


def settle(page: Page, host: Host) -> None:
    """Wait until the page has asked for nothing for a while."""
    while host.idle() < 0.15:
        page.wait_for_timeout(30)


def read(page: Page, host: Host, url: str) -> int:
    """Open a page and read it to its end; return the bytes that it took."""
    host.forget()
    page.goto(url, wait_until="load")
    page.evaluate(SCROLL)
    settle(page, host)
    return host.sent


def visit(context: BrowserContext, host: Host, url: str, again: bool) -> Visit:
    """Read a page to its end, and again if that is asked for."""
    page = context.new_page()
    asked, complaints = listen(page)
    first = read(page, host, url)
    shift = page.evaluate("window.shift")
    loose = page.evaluate(f"scrollTo(0, 0); ({LOOSE})()")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    width = page.evaluate("document.scrollingElement.scrollWidth")
    missing = page.evaluate(SEEN)
    policy = page.locator("head > meta[http-equiv='Content-Security-Policy' i]")
    policies = [str(element.get_attribute("content")) for element in policy.all()]
    forbidden = page.evaluate("window.forbidden")
    page.close()
    second = read(context.new_page(), host, url) if again else 0
    name = url.removeprefix(host.address) or "home"
    seen = (shift, missing, loose, first, second)
    return Visit(name, asked, complaints, forbidden, policies, width, *seen)


@pytest.fixture(scope="module")
def stale(site: Site) -> Iterator[Host]:
    """The site under a path, by a host that has the browser ask each time what has changed."""
    with serve(site.html, PREFIX, max_age=0) as host:
        yield host


@pytest.fixture(scope="module", params=SIZES)
def visits(
    request: pytest.FixtureRequest, site: Site, stale: Host, browser: Browser
) -> list[Visit]:
    """Every page at one size of the window; on a phone, first with nothing in the cache."""
    width, height = SIZES[request.param]
    urls = addresses(site, stale.address)
    assert len(urls) > 10
    contexts: list[BrowserContext] = []
    seen = []
    for url in urls:
        if request.param == "phone" or not contexts:
            contexts.append(browser.new_context(viewport={"width": width, "height": height}))
        seen.append(visit(contexts[-1], stale, url, request.param == "phone"))
        if request.param == "phone":
            contexts[-1].close()
    return seen


def test_pages_ask_only_their_own_host(visits: list[Visit], stale: Host) -> None:
    """Nothing comes from elsewhere, nor from the host outside the folder of the site."""
    for seen in visits:
        strangers = [url for url in seen.asked if not url.startswith((stale.address, "data:"))]
        assert not strangers, seen.name


def test_pages_are_quiet(visits: list[Visit]) -> None:
    """No message in the console, no error, no answer but success, nothing that policy forbids."""
    said = {seen.name: seen.complaints + seen.forbidden for seen in visits}
    assert not {name: found for name, found in said.items() if found}


def test_pages_forbid_foreign_and_inline_scripts(visits: list[Visit]) -> None:
    """The policy of each page lets nothing run but the files and the hashed lines of the site."""
    for seen in visits:
        assert len(seen.policy) == 1, seen.name
        parts = [part.split() for part in seen.policy[0].split(";") if part.strip()]
        policy = {name: sources for name, *sources in parts}
        assert len(policy) == len(parts), f"{seen.name}: a directive given twice"
        assert "default-src" in policy, seen.name
        scripts = [policy.get(name, []) for name in ("script-src-elem", "script-src-attr")]
        for source in [*policy["script-src"], *scripts[0], *scripts[1]]:
            known = source in ("'self'", "'none'") or source.startswith("'sha256-")
            assert known, f"{seen.name}: {source}"
        for sources in policy.values():
            assert not [s for s in sources if "*" in s or "//" in s or s == "http:"], seen.name


def test_pages_fit_the_window(visits: list[Visit], request: pytest.FixtureRequest) -> None:
    """No page is wider than the window, with everything unfolded."""
    width, _ = SIZES[request.node.callspec.params["visits"]]
    assert not {seen.name: seen.width for seen in visits if seen.width > width}


def test_nothing_moves_while_it_loads(visits: list[Visit]) -> None:
    """What is being read stays where it is, from the first moment to the end of the page."""
    assert not {seen.name: seen.shift for seen in visits if seen.shift >= 0.001}


def test_images_arrive_when_they_are_due(visits: list[Visit]) -> None:
    """Each has its size beforehand, waits until it is near the window, and is there when seen."""
    assert not {seen.name: seen.missing for seen in visits if seen.missing}
    assert not {seen.name: seen.loose for seen in visits if seen.loose}


@pytest.mark.parametrize("visits", ["phone"], indirect=True)
def test_pages_are_light(visits: list[Visit]) -> None:
    """The first visit takes at most 350 kB, and the next, with all to be asked again, 30 kB."""
    for seen in visits:
        print(f"{seen.name:32}{seen.first:10,}{seen.second:10,}")
    assert median(seen.first for seen in visits) <= 350_000
    assert median(seen.second for seen in visits) <= 30_000


def test_foreign_code_is_blocked(server: Host, phone: Page) -> None:
    """What is put into a page neither runs nor asks another host for anything."""
    _, complaints = listen(phone)
    phone.goto(server.address)
    assert not complaints
    blocked = phone.evaluate(
        """async () => {
        const script = document.createElement("script")
        script.textContent = "window.ran = true"
        document.body.append(script)
        const button = document.createElement("button")
        button.setAttribute("onclick", "window.ran = true")
        button.click()
        const image = document.createElement("img")
        const failed = new Promise(done => image.onerror = image.onload = done)
        image.src = "http://127.0.0.2/"
        document.body.append(image)
        await failed
        await new Promise(done => setTimeout(done, 50))
        return window.forbidden
        }"""
    )
    assert not phone.evaluate("window.ran")
    assert {line.split()[0] for line in blocked} == {
        "script-src-elem",
        "script-src-attr",
        "img-src",
    }, blocked


def test_unknown_addresses_lead_to_the_site(server: Host, phone: Page) -> None:
    """Whoever follows a dead link finds a page of the site, dressed, with its navigation."""
    for path in ("nowhere", "breakdown/nowhere/"):
        listened = listen(phone)[1]
        answer = phone.goto(server.address + path)
        assert answer
        assert answer.status == 404
        missing = [line for line in listened if line.startswith(("404", "failed"))]
        assert missing == [f"404 {server.address}{path}"]
        assert phone.locator("h1").inner_text()
        links = phone.locator("a[href]").evaluate_all("found => found.map(link => link.href)")
        own = {link for link in links if urlsplit(link).netloc == urlsplit(server.address).netloc}
        assert server.address in own
        assert server.address + "getting-started/" in own


def test_host_answers_like_a_host(server: Host, browser: Browser) -> None:
    """The server of these tests compresses, knows what has not changed, and says how long."""
    context = browser.new_context()
    first = context.request.get(server.address)
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "max-age=600"
    tag = {"If-None-Match": first.headers["etag"]}
    assert context.request.get(server.address, headers=tag).status == 304
    reply = context.request.get(server.address + "getting-started", max_redirects=0)
    assert (reply.status, reply.headers["location"]) == (301, "/getting-started/")
    lost = context.request.get(server.address + "nowhere")
    assert (lost.status, lost.headers["content-type"]) == (404, "text/html")
    context.close()
