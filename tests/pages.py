"""Reports of results folders made for a test, and a Chromium to look at them with."""

from contextlib import contextmanager
import csv
import shutil
from urllib.parse import quote

from busy import HANG
from conftest import ROOT, TABLES
from playwright.sync_api import sync_playwright

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.ambiguities import AMBIGUITIES
from benchmarks.derived_claims import CLAIMS, PARTS
from benchmarks.harness.spec.selection import select
from benchmarks.report.collect import collect

HOSTILE = ('<script>document.title="taken"</script><img src=x onerror="document.title=1">'
           + "w" * 300)
SHORT = "<img src=x onerror=alert(1)>&amp;"
TILE = ROOT / "results/mini/fig14-cifar10-samples/tiles/moca[A2].seed0.samples.png"
TOP = "mini/fig8-reconstruction"


def gathered(place, scales=("paper", "mini"), results=None):
    selections = [select(item, scale, None, None, ()) for scale in scales
                  for item in (*ARTEFACTS.values(), *TUNINGS.values())]
    return collect(selections, AMBIGUITIES, CLAIMS, PARTS, results or place.results, place.cache)


def chromium():
    """The system's own Chromium: none is downloaded."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                 None)
    assert found, "the tests of the page need Chromium: apt-get install chromium"
    return found


@contextmanager
def browser():
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"],
                                        timeout=HANG * 1000)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def opened(window, url, width=1280, theme="light"):
    """The page, with `page.noise`: its console messages and network requests."""
    page = window.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    page.set_default_timeout(HANG * 1000)
    page.noise = []
    page.on("console", lambda message: page.noise.append(message.text))
    page.on("pageerror", lambda error: page.noise.append(str(error)))
    page.on("request", lambda asked: page.noise.append(asked.url)
            if not asked.url.startswith(("data:", url)) else None)
    page.goto(url)
    try:
        yield page
    finally:
        page.close()


def rewritten(path, change):
    """Rewrites a CSV file: `change` maps row, column name and text to each cell's new text."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({name: change(row, name, text) for name, text in row.items()}
                         for row in rows)


def hostile(place):
    """Results with an arm called HOSTILE, and a failed arm with HOSTILE in its log."""
    folder = place.results / TOP
    shutil.copytree(ROOT / "results" / TOP, folder)

    def change(row, name, text):
        if row.get("arm") == "moca[lam=0]" and name == "status":
            return "failed"
        return text.replace("moca[lam=3000]", HOSTILE)

    for name in TABLES:
        rewritten(folder / name, change)
    tiles = folder / "tiles"
    tiles.mkdir()
    shutil.copy(TILE, tiles / f"{quote(SHORT)}.seed0.samples.png")
    every = select(ARTEFACTS[folder.name], "mini", None, None, ()).entries()
    entry = next(entry for entry in every if entry.arm.name == "moca[lam=0]")
    log = place.cache / "runs" / entry.run.key / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("an early line\n" * 50 + f"</pre>{HOSTILE}\n")
    return folder
