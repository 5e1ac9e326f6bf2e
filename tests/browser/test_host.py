"""What the site lets in, what it answers to dead links, and the host that the tests stand on."""

from urllib.parse import urlsplit

from hosting import Host, listen, settle
from playwright.sync_api import Browser, Page, expect

FORBIDDEN = """
window.forbidden = []
addEventListener("securitypolicyviolation", e => forbidden.push(e.violatedDirective))
"""


def test_foreign_code_is_blocked(server: Host, phone: Page) -> None:
    """What is put into a page neither runs nor asks another host for anything."""
    _, complaints = listen(phone)
    phone.add_init_script(FORBIDDEN)
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
    assert set(blocked) == {
        "script-src-elem",
        "script-src-attr",
        "img-src",
    }, blocked


def test_numbers_that_do_not_arrive_are_asked_for_again(server: Host, phone: Page) -> None:
    """A stepper says that it cannot be opened, keeps its picture, and opens once it can."""
    phone.goto(f"{server.address}breakdown/convolution/")
    phone.route("**/figure-*.json", lambda route: route.abort())
    stepper = phone.locator("conv-stepper").first
    stepper.scroll_into_view_if_needed()
    stepper.locator(".open").click()
    expect(stepper.locator(".open")).to_contain_text("try again")
    expect(stepper.locator(".open")).to_have_attribute("aria-expanded", "false")
    expect(stepper.locator("img >> visible=true")).to_have_count(1)
    phone.unroute("**/figure-*.json")
    stepper.locator(".open").click()
    expect(stepper.locator(".products")).to_be_visible()
    expect(stepper.locator("img >> visible=true")).to_have_count(0)


def test_what_is_played_with_comes_when_it_is_near(server: Host, phone: Page) -> None:
    """A page that was just opened does without, unless its address may say what is to be shown."""
    for place, is_there in ("", False), ("#net=flatten", True):
        phone.goto("about:blank")
        server.forget()
        phone.goto(f"{server.address}experiments/network/{place}")
        settle(phone, server)
        assert any(path.endswith("/shape-calculator.js") for path, _ in server.asked) == is_there


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
