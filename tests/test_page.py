"""The report in a headless Chromium."""

import json
import subprocess
import urllib.error
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from busy import HANG, await_that
from conftest import ROOT, Place
from pages import HOSTILE, SHORT, browser, gathered, hostile, opened
import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store import lease
from benchmarks.harness.store.run_folder import Store
from benchmarks.report.page import render

pytestmark = pytest.mark.browser
SHAPES = [(width, theme) for width in (1280, 375) for theme in ("light", "dark")]
LISTENED_TO = [(1280, "light"), (375, "dark")]  # both widths, both themes
WIDER = "document.documentElement.scrollWidth - window.innerWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


@pytest.fixture(scope="module")
def window():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """URL of the page of all committed results."""
    place = Place(tmp_path_factory.mktemp("page"))
    return written(place, ROOT / "results")


@pytest.fixture(scope="module")
def hostile_url(tmp_path_factory):
    """URL of the page of results with markup in names and logs."""
    place = Place(tmp_path_factory.mktemp("hostile_url"))
    hostile(place)
    return written(place, place.results)


def written(place, results):
    page = place.folder / "report.html"
    page.write_text(render(gathered(place, results=results)))
    return page.as_uri()


@pytest.mark.parametrize(("width", "theme"), SHAPES)
@pytest.mark.parametrize("which", ["url", "hostile_url"])
def test_page_has_no_accessibility_or_console_errors(window, request, which, width, theme):
    """No console message, request or overflow; every image loads; axe finds no violation."""
    with opened(window, request.getfixturevalue(which), width, theme) as page:
        assert page.evaluate(WIDER) <= 0
        page.evaluate(OPEN_ALL)
        assert page.evaluate(WIDER) <= 0
        broken = page.evaluate("""async () => {
            const found = await Promise.allSettled([...document.images].map((i) => i.decode()));
            return found.filter((each) => each.status === 'rejected').length; }""")
        assert broken == 0
        if (width, theme) in LISTENED_TO:
            found = Axe().run(page).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        assert page.title() == "Momentum Contrastive Autoencoder: what of the paper held"
        assert page.noise == []


def test_markup_in_results_is_escaped(window, hostile_url):
    with opened(window, hostile_url) as page:
        page.evaluate(OPEN_ALL)
        assert page.locator("#fig8-reconstruction-mini td", has_text=HOSTILE).count() > 0
        assert page.locator("figcaption").inner_text() == f"samples of {SHORT}, seed 0"
        assert HOSTILE in page.locator("#failures pre").first.inner_text()
        assert page.evaluate("document.scripts.length") == 1


def column(page, table, name):
    """Texts and sort keys of the column with that heading, in the order shown."""
    return page.evaluate("""([table, name]) => {
        const heads = [...document.querySelector(table).tHead.rows[0].cells];
        const k = heads.findIndex((head) => head.textContent.trim() === name);
        return [...document.querySelector(table).tBodies[0].rows].filter((row) => !row.hidden)
            .map((row) => [row.cells[k].textContent.trim(), row.cells[k].dataset.key]); }""",
                         [table, name])


def test_tables_are_sortable_by_keyboard(window, url):
    with opened(window, url) as page:
        scores = "#table2-mini .scroll[aria-label^=Values] table"
        page.locator(scores).locator("th button", has_text="fd_cifar10").focus()
        page.keyboard.press("Enter")
        keys = [float(key) for _, key in column(page, scores, "fd_cifar10")]
        assert keys == sorted(keys)
        assert len(keys) > 10
        page.keyboard.press("Enter")
        assert [float(key) for _, key in column(page, scores, "fd_cifar10")] == keys[::-1]
        sorted_by = page.locator(scores).locator("th[aria-sort=descending]")
        assert sorted_by.inner_text().startswith("fd_cifar10")


def test_claim_filters_hide_other_rows(window, url):
    with opened(window, url) as page:
        every = len(column(page, "#claims", "claim"))
        bar = page.locator(".filters", has=page.locator("output")).first
        bar.get_by_label("verdict").select_option(label="≶ depends on the reading")
        verdicts = {text for text, _ in column(page, "#claims", "verdict")}
        assert verdicts == {"≶ depends on the reading"}
        bar.get_by_label("Find").fill("contrastive OBJECTIVE converges")
        left = column(page, "#claims", "claim")
        assert left == [["C1", None]]
        assert bar.locator("output").inner_text() == f"1 of {every} rows"


def test_images_are_enlarged_and_grids_keep_their_pixels(window, url):
    with opened(window, url) as page:
        assert page.locator("figure img[src^='data:image/svg+xml']").count() > 0
        assert page.locator("#fig14-cifar10-samples-mini figure img[src*='svg+xml']").count() == 0
        tile = page.locator("#fig14-cifar10-samples-mini img.pixels").first
        size = tile.evaluate("""(i) => [i.getBoundingClientRect().width, i.naturalWidth,
                                        getComputedStyle(i).imageRendering]""")
        assert size[0] == size[1]
        assert size[2] == "pixelated"
        tile.locator("..").focus()
        page.keyboard.press("Enter")
        large = page.locator("dialog[open] img")
        assert large.evaluate("(i) => i.getBoundingClientRect().width / i.naturalWidth") == 4
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0


def test_printed_page_is_expanded_and_has_no_controls(window, url):
    with opened(window, url) as page:
        page.get_by_label("Find").first.fill("no claim says this")
        assert page.locator("#claims tbody tr:visible").count() == 0
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("main details:not([open])").count() == 0
        assert not page.locator("nav").is_visible()
        assert not page.locator(".filters").first.is_visible()
        assert page.locator("#claims tbody tr[hidden]").count() == 0
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert page.locator("#claims tbody tr:not([hidden])").count() == 0
        assert page.pdf().startswith(b"%PDF")


@pytest.fixture
def served(place):
    """The address of a running `report --serve`."""
    command = place.command("report", "--serve", "0", "--scale", "smoke")
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().split()[0]
    finally:
        server.terminate()
        assert server.wait(HANG) == 1
        server.stdout.close()


def test_served_page_shows_running_runs(window, place, served):
    entry = select(ARTEFACTS["fig1-synthetic"], "smoke", None, None, ()).entries()[0]
    folder = Store(place.cache / "runs").folder(entry.run.key)
    folder.write_spec(entry.run, None)
    held = lease.acquire(folder.path)  # otherwise the sweep might end before the page asks
    sweep = subprocess.Popen(place.command("fig1-synthetic", "--scale", "smoke"),
                             stdout=subprocess.DEVNULL)
    try:
        with opened(window, served) as page:
            state = page.locator("#state", has_text="fig1-synthetic, smoke scale")
            state.wait_for()
            assert "running" in state.inner_text()
            assert entry.label in state.inner_text()
            assert page.noise == []
    finally:
        held.release()
        assert sweep.wait(HANG) == 0
    # an answer is cached for a while
    await_that(lambda: json.load(urllib.request.urlopen(f"{served}live.json")) == [])
    assert b"fig1-synthetic-smoke" in urllib.request.urlopen(served).read()


def test_server_answers_only_loopback_and_known_paths(served):
    assert served.startswith("http://127.0.0.1:")
    port = served.rstrip("/").rpartition(":")[2]
    for host in ("localhost", "127.0.0.1"):
        asked = urllib.request.Request(served, headers={"Host": f"{host}:{port}"})
        assert urllib.request.urlopen(asked).status == 200
    for path, host, status in (("", "evil.example", 403), ("", f"evil.example:{port}", 403),
                               ("../../etc/passwd", None, 404)):
        asked = urllib.request.Request(served + path, headers={"Host": host} if host else {})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked)
        assert refused.value.code == status
