"""The report's tables as CSV, LaTeX and Markdown, with a list of their SHA-256 sums."""

from collections.abc import Sequence
import csv
import hashlib
import io
from pathlib import Path
import re

from jinja2 import Environment, FileSystemLoader

from benchmarks.harness.errors import UsageError
from benchmarks.harness.store.files import write_if_changed
from benchmarks.report.collect import Report
from benchmarks.report.page import FOLDER
from benchmarks.report.table_view import compared, difference, interval, number, shown

MANIFEST = "manifest.sha256"  # as `sha256sum --check` reads it
CLAIMS = ["claim", "place", "basis", "verdict", "compared", "statistic", "estimate", "n", "says"]
ON_A_PAGE, BROKEN = 100, 45  # letters in a line of a page, and of a column of a wide table
VARIED = ["choice", "varied", "scale", "statistic", "difference", "n", "it is"]
SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
           "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
           **{sign: f"\\{sign}" for sign in "&%$#{}"}, "_": r"\_\allowbreak{}",
           "λ": r"$\lambda$", "τ": r"$\tau$"}

Table = tuple[list[str], list[list[str]], str]  # header, rows, caption


def export(report: Report, folder: Path) -> int:
    """Writes the manifest, then the tables; deletes files of an earlier export.

    An interrupted export fails the manifest's check; the same command completes it.
    Raises UsageError for a folder with other files."""
    before = _earlier(folder)
    files: dict[str, bytes] = {}
    for name, shown_table in _tables(report).items():
        files |= {f"{name}.md": markdown(*shown_table).encode(),
                  f"{name}.tex": latex(*shown_table).encode(),
                  f"{name}.csv": _csv(shown_table[0], *shown_table[1]).encode()}
    for block in report.blocks:
        if block.results.runs is not None:
            for table in ("data", "claims"):
                source = block.results.folder / f"{table}.csv"
                files[f"{block.name}.{table}.csv"] = source.read_bytes()
    for speed in report.speed:
        source = speed.folder / "data.csv"
        files[f"speed-{speed.folder.name}-{speed.scale}.csv"] = source.read_bytes()
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n"
                   for name, data in sorted(files.items()))
    try:
        write_if_changed(folder / MANIFEST, sums.encode())
        for name, data in files.items():
            write_if_changed(folder / name, data)
        for name in before - set(files):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--export: cannot write to {folder}: {error.strerror}") from None
    print(f"{len(files)} files and {MANIFEST} in {folder}")
    return 0


def _earlier(folder: Path) -> set[str]:
    """The files of an earlier export into the folder."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--export: {folder} is not a folder")
    manifest = folder / MANIFEST
    if manifest.exists():
        listed = re.findall(r"^[0-9a-f]{64}  (\S+)$", manifest.read_text(encoding="utf-8"), re.M)
        return {name for name in listed if Path(name).name == name}
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--export: {folder} holds other files; name a new or empty folder")
    return set()


def _tables(report: Report) -> dict[str, Table]:
    """Tables by file name without suffix."""
    found: dict[str, Table] = {}
    for scale in report.scales:
        rows = [[row["claim"], row["place"], row["basis"], row["verdict"], compared(row),
                 row["statistic"], shown(number(row["estimate"])) + interval(row, "low", "high"),
                 row["n"], row["text"]] for row, _ in report.verdicts(scale)]
        found[f"claims-{scale}"] = (CLAIMS, rows, f"Claims of the paper, {scale} scale")
    varied = [[each.id, effect.variation.says, effect.scale, effect.difference.statistic,
               difference(effect), str(effect.difference.n), effect.word]
              for each, effects in report.open_choices for effect in effects]
    found["choices"] = (VARIED, varied, "What other choices change where the paper leaves one open")
    for block in report.blocks:
        if block.results.runs is not None:
            table, artefact = block.values, block.results.selection.artefact
            caption = (f"{artefact.place}: {artefact.caption}; {block.results.selection.scale} "
                       f"scale, {', '.join(block.datasets)}. {table.note}")
            found[block.name] = (table.header,
                                 [[cell.text for cell in row] for row in table.rows], caption)
    return found


def _csv(*lines: Sequence[str]) -> str:
    """The table as shown, so rounded; its source is exported beside it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A Markdown table with its caption below."""
    first, *body = ["| " + " | ".join(map(_plain, line)) + " |" for line in (header, *rows)]
    rule = "|" + " --- |" * len(header)
    return "\n".join([first, rule, *body, "", _plain(caption), ""])


def _plain(text: str) -> str:
    """The text with Markdown's signs escaped."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def latex(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A booktabs table; a wide one breaks lines and runs over pages."""
    environment = Environment(loader=FileSystemLoader(FOLDER), trim_blocks=True,
                              block_start_string="<%", block_end_string="%>",
                              variable_start_string="<<", variable_end_string=">>",
                              autoescape=False)
    first, *body = [" & ".join(map(_escaped, line)) + r" \\" for line in (header, *rows)]
    return environment.get_template("table.tex").render(
        header=first, rows=body, caption=_escaped(caption), count=len(header),
        widths=_widths([header, *rows]))


def _widths(lines: Sequence[Sequence[str]]) -> list[str]:
    """Column widths as shares of the page, by the longest word or line; empty if all fit."""
    columns = list(zip(*lines, strict=True))
    needed = [max(map(len, column)) for column in columns]
    if sum(needed) <= ON_A_PAGE:
        return []
    words = [[len(word) for cell in column for word in re.split(r"[\s_]", cell)]
             for column in columns]
    needed = [2 + max(min(most, BROKEN), *found) for most, found in zip(needed, words, strict=True)]
    left = 1 - 0.02 * len(columns)  # table.tex puts .01 before a column and .01 behind it
    return [f"{left * share / sum(needed):.3f}" for share in needed]


def _escaped(value: object) -> str:
    return "".join(SPECIAL.get(sign, sign) for sign in str(value))
