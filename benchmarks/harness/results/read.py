"""Reads a results folder: its tables, missing runs, verdicts, provenance."""

from collections.abc import Iterable, Mapping, Sequence
import csv
from dataclasses import dataclass
import io
from itertools import chain, compress
import json
import math
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from benchmarks.harness.analysis.derived_verdicts import Parts, conclusions
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.claims import Claim, Untestable
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import Selection

LABELS = ("scale", "dataset", "panel", "arm", "epoch", "n")
TABLES = {"runs.csv": ("arm", "seed", "epoch", "status"), "data.csv": ("scale", "n"),
          "claims.csv": ("claim", "verdict")}
NUMBERS = ("seed", "epoch", "estimate", "n", "diverged", "missing")
SUMMARIES = ("_mean", "_std", "_low", "_high")  # of data.csv


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a result file; raises UsageError, naming the line, if it is corrupt."""
    try:
        text = path.read_bytes().decode()
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except (ValueError, csv.Error) as error:
        raise _corrupt(path, str(error).splitlines()[0]) from None
    header = lines[0] if lines else []
    for count, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise _corrupt(path, f"row {count} has {len(line)} fields and not {len(header)}")
    if not text.endswith("\n"):
        raise _corrupt(path, "it does not end with a line break")
    rows = [dict(zip(header, line, strict=True)) for line in lines[1:]]
    numbers = [name for name in header if name in NUMBERS
               or (path.name == "data.csv" and name.endswith(SUMMARIES))]
    for count, row in enumerate(rows, start=2):
        for name in numbers:
            if not _is_number(row[name] or "0"):
                raise _corrupt(path, f"{row[name]!r} in row {count} is not a number")
    if not rows and path.name != "claims.csv":  # an artefact may claim nothing
        raise _corrupt(path, "it has no rows")
    if missing := [name for name in TABLES[path.name] if name not in header]:
        raise _corrupt(path, f"it has no column {missing[0]!r}")
    return rows


def _corrupt(path: Path, reason: str) -> UsageError:
    return UsageError(f"{path} is corrupt ({reason}); remove its folder "
                      "and run the command that made it, or restore it with git checkout")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of the folder's TABLES by file name; empty without data.csv, which is written last.

    Raises UsageError if a table is corrupt, or if the tables contradict each other."""
    if not (folder / "data.csv").exists():
        return {}
    if missing := [name for name in TABLES if not (folder / name).exists()]:
        raise _corrupt(folder / missing[0], "it is missing")
    found = {name: read_table(folder / name) for name in TABLES}
    if "arm" in found["data.csv"][0]:  # Table 3 has panels only
        runs, data = (_last_epochs(found[name]) for name in ("runs.csv", "data.csv"))
        if lost := [arm for arm in runs if arm not in data]:
            raise _corrupt(folder / "data.csv", f"it has no row of {lost[0]}")
        curves = len({row.get("epoch") for row in found["data.csv"]}) > 1  # and no snapshot
        if cut := [arm for arm in runs if curves and -1 < data[arm] < runs[arm]]:
            raise _corrupt(folder / "data.csv", f"it breaks off in {cut[0]}")
    return found


def _last_epochs(rows: list[dict[str, str]]) -> dict[str, float]:
    """The last epoch of each arm; -1 without an epoch."""
    found: dict[str, float] = {}
    for row in rows:
        found[row["arm"]] = max(found.get(row["arm"], -1.0), float(row.get("epoch") or -1))
    return found


def check_results(folder: Path) -> set[tuple[str, ...]]:
    """(arm, seed) of every outcome in the folder's runs.csv, and (arm, seed, "fid") of every FID.

    Raises UsageError if a table is corrupt, or if the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"results cannot be written to {folder}: {error.strerror}; "
                         "choose another with --results-dir (smoke scale: --cache-dir)") from None
    read_all = {name: read_table(folder / name) for name in TABLES if (folder / name).exists()}
    rows = read_all.get("runs.csv", [])
    return {(row["arm"], row["seed"]) for row in rows if row["status"] in SETTLED} | {
        (row["arm"], row["seed"], "fid") for row in rows if row.get("fid")}


def largest_difference(old: str, new: str) -> str:
    """A line with the largest relative difference between the numbers of two data.csv."""
    if old == new:
        return "identical to the results that were there"
    before, after = (list(csv.reader(io.StringIO(text))) for text in (old, new))
    labels = [name in LABELS for name in before[0]]
    rows = ([list(compress(row, labels)) for row in table] for table in (before, after))
    if before[0] != after[0] or next(rows) != next(rows):
        return "instead of results that had other rows or columns, so they are not compared"
    worst, place = 0.0, ""
    for line, (a, b) in enumerate(zip(before[1:], after[1:], strict=True), start=2):
        for name, x, y in zip(before[0], a, b, strict=True):
            if x != y and (difference := _relative(x, y)) >= worst:
                worst = difference
                place = f"{name} in line {line}, {x or 'empty'} -> {y or 'empty'}"
    return f"largest difference from the results that were there: {worst:.2%} ({place})"


def _relative(x: str, y: str) -> float:
    """|x - y| over the larger magnitude; infinite where one is not a number."""
    try:
        a, b = float(x), float(y)
    except ValueError:
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), 1e-300)


NONE = "no results"
Row = Mapping[str, str]  # of a result table


@dataclass(frozen=True)
class ArtefactResults:
    """The results folder of one selection: its tables, missing runs and verdicts."""

    selection: Selection
    folder: Path
    runs: list[dict[str, str]] | None  # the rows of runs.csv; None without results
    data: list[dict[str, str]]  # the rows of data.csv
    claims: list[dict[str, str]]  # the rows of claims.csv; without results, a row per claim

    @property
    def missing(self) -> str | None:
        """Missing runs or verdicts, in a few words; None if complete."""
        if self.runs is None:
            return NONE
        there = {(row["arm"], row["seed"]) for row in self.runs if row["status"] in SETTLED}
        if self.selection.custom:  # the picked arms are not on record
            wanted = {(row["arm"], row["seed"]) for row in self.runs}
        else:
            wanted = {(entry.arm.name, str(entry.run.seed)) for entry in self.selection.entries()}
        if missing := wanted - there:
            return f"{len(missing)} of {len(wanted)} runs are missing"
        claimed = {claim.id for claim in self.selection.claims}
        unjudged = claimed - {row["claim"] for row in self.claims}
        if unjudged and not self.selection.custom:
            return f"{len(unjudged)} of {len(claimed)} claims are not judged"
        return None

    @property
    def verdicts(self) -> list[dict[str, str]]:
        """A row per claim, without the rows of its parts."""
        return [row for row in self.claims if row["role"] == "verdict"]


def artefact_results(selection: Selection, results: Path, cache: Path) -> ArtefactResults:
    """Reads the results of a selection; raises UsageError where a table is corrupt."""
    folder = selection.results(results, cache)
    if found := tables(folder):
        return ArtefactResults(selection, folder, *(found[f"{name}.csv"]
                                             for name in ("runs", "data", "claims")))
    claims = [unjudged_row(claim.at(selection.scale)) for claim in selection.claims]
    return ArtefactResults(selection, folder, None, [], claims)


def unjudged_row(claim: Claim) -> dict[str, str]:
    """The row of claims.csv for a claim without results."""
    reason = claim.test.reason if isinstance(claim.test, Untestable) else ""
    return _row(claim.id, claim.basis, reason, "not testable here" if reason else "not run",
                claim.place, claim.text)


def _row(
    claim: str, basis: str, comparison: str, verdict: str, place: str, text: str
) -> dict[str, str]:
    """A verdict without numbers, as a row of claims.csv."""
    empty = dict.fromkeys(("statistic", "estimate", "low", "high", "noise"), "")
    return {"claim": claim, "role": "verdict", "basis": basis, "comparison": comparison, **empty,
            "n": "0", "verdict": verdict, "place": place, "text": text}


LEAST = "the least favourable of "


@dataclass(frozen=True)
class Verdicts:
    """The verdicts at one scale: of artefacts, of `speed`, and of derived claims."""

    artefacts: Sequence[ArtefactResults]
    speed: Mapping[Path | None, Sequence[Row]]  # see `of_speed`
    parts: Parts

    @property
    def judged(self) -> list[Row]:
        """Each verdict once, also if several artefacts have the claim."""
        every = chain(*(one.verdicts for one in self.artefacts), *self.speed.values())
        return list({(row["claim"], row["text"], row["verdict"]): row for row in every}.values())

    @property
    def derived(self) -> list[Row]:
        """Rows of the derived claims that rest on any of the judged ones."""
        verdicts = {row["claim"]: row["verdict"] for row in self.judged if row["basis"] == "paper"}
        return [_row(each.id, "paper", LEAST + ", ".join(map(" ".join, each.parts.items())),
                     each.verdict, "Conclusion", each.text)
                for each in conclusions(verdicts, self.parts) if each.parts]


def of_speed(
    results: Path, cache: Path, scale: str, claims: Iterable[Claim]
) -> dict[Path | None, Sequence[Row]]:
    """Verdict rows of C31 by device folder; without any, the unjudged claims under None."""
    found: dict[Path | None, Sequence[Row]] = {
        path.parent: [row for row in read_table(path) if row["role"] == "verdict"]
        for path in sorted(speed_folder(results, cache, scale).glob("*/claims.csv"))}
    return found or {None: [unjudged_row(claim) for claim in claims]}


def speed_folder(results: Path, cache: Path, scale: str) -> Path:
    """Where `speed` writes its results: one folder per model of processor or GPU, and scale."""
    top = cache / "smoke" if scale == "smoke" else results
    return top / ("mini" if scale == "mini" else "") / "speed"


def read_provenance(folder: Path) -> dict[str, Any]:
    """The folder's provenance.json; empty without the file. Raises UsageError if corrupt."""
    path = folder / "provenance.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(f"{path} is corrupt ({error}); restore it with git checkout") from None
    return found


def runs_of(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Provenance by run key: the run's own entries and the shared ones."""
    return {key: {**found.get("shared", {}), **run} for key, run in found.get("runs", {}).items()}
