"""The report as one HTML page that loads no other file."""

from base64 import b64encode
from functools import cache, partial
from hashlib import sha256
import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.harness.spec.claims import SCALES, VERDICTS
from benchmarks.report.collect import Report
from benchmarks.report.table_view import compared, difference, interval, number, shown

FOLDER = Path(__file__).parent / "templates"
SIGNS = dict(zip(VERDICTS, "✓✗~≶○–", strict=True))
SCALE_NOTES = dict(zip(SCALES, (
    "the paper's own settings",
    "fewer images, narrower networks, shorter training: it shows the path, not the paper's numbers",
    "seconds of training on drawn pictures: numbers without meaning"), strict=True))
BASES = {"paper": "paper", "ours": "ours", "proxy": "proxy for FID", "custom": "your method"}


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True,
                       lstrip_blocks=True, undefined=StrictUndefined)
    made.filters |= {"shown": shown, "number": number, "duration": duration,
                     "difference": difference, "compared": compared, "pretty": partial(
                         json.dumps, indent=1, sort_keys=True, ensure_ascii=False)}
    made.globals |= {"interval": interval, "signs": SIGNS, "bases": BASES,
                     "scale_notes": SCALE_NOTES}
    return made


def render(report: Report, live: bool = False) -> str:
    """The HTML; `live`: with the state of running sweeps, which the page asks its server for."""
    style, script = (Markup((FOLDER / name).read_text(encoding="utf-8"))
                     for name in ("style.css", "script.js"))
    return _environment().get_template("page.html").render(
        report=report, live=live, style=style, script=script, policy=_policy(script, live),
        counts={scale: report.judged[scale].counts for scale in report.scales},
        artefacts=sum(not blocks[0].is_tuning for blocks in report.sections.values()))


def _policy(script: str, live: bool) -> str:
    """Content security policy: nothing is loaded, and only the page's own script runs."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    source = "'self'" if live else "'none'"
    return (f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
            f"script-src 'sha256-{digest}'; connect-src {source}; base-uri 'none'; "
            "form-action 'none'")


def duration(seconds: float) -> str:
    """The time in the largest unit that leaves a number above 1."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
