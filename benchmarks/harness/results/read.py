"""Reads a results folder: its tables, missing runs, verdicts, provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
import csv
from dataclasses import dataclass
import io
from itertools import chain, compress
import json
import math
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

from benchmarks.harness.analysis.derived_verdicts import Parts, conclusions
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.claims import (
    VERDICTS,
    Claim,
    Counted,
    Untestable,
    in_words,
    share,
)
from benchmarks.harness.spec.run import SETTLED
from benchmarks.harness.spec.selection import Selection

LABELS = ("scale", "dataset", "panel", "arm", "epoch", "n")
TABLES = {"runs.csv": ("arm", "seed", "epoch", "status"), "data.csv": ("scale", "n"),
          "claims.csv": ("claim", "role", "verdict")}
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
    return _with_reasons(path, rows) if path.name == "claims.csv" else rows


def _with_reasons(path: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of claims.csv, also of an earlier version, which gave no reasons."""
    if rows and rows[0]["role"] != "verdict":
        raise _corrupt(path, "its first row is not a claim's")
    return [{"reason": "", **row} for row in rows]


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
        claimed = {one.id for claim in self.selection.claims for one in (claim, *claim.readings)}
        unjudged = claimed - {row["claim"] for row in self.claims}
        if unjudged and not self.selection.custom:
            return f"{len(unjudged)} of {len(claimed)} claims are not judged"
        return None

    @property
    def verdicts(self) -> list[JudgedClaim]:
        """The claims, without the rows of their parts."""
        return judged_claims(self.claims)


def artefact_results(selection: Selection, results: Path, cache: Path) -> ArtefactResults:
    """Reads the results of a selection; raises UsageError where a table is corrupt."""
    folder = selection.results(results, cache)
    if found := tables(folder):
        return ArtefactResults(selection, folder, *(found[f"{name}.csv"]
                                             for name in ("runs", "data", "claims")))
    command = f"python bench.py {selection.artefact.name}"
    scale = "" if selection.scale == "paper" else f" --scale {selection.scale}"
    claims = [row for claim in selection.claims
              for row in unjudged_rows(claim, selection.scale, f"no results: {command}{scale}")]
    return ArtefactResults(selection, folder, None, [], claims)


class JudgedClaim(NamedTuple):
    """The row of a claim, and those of its readings."""

    row: Row
    readings: list[Row]


def judged_claims(rows: Iterable[Row]) -> list[JudgedClaim]:
    """The claims of claims.csv's rows, in which each is followed by its readings."""
    found: list[JudgedClaim] = []
    for row in rows:
        if row["role"] == "verdict":
            found.append(JudgedClaim(row, []))
        elif row["role"] == "reading":
            found[-1].readings.append(row)
    return found


def unjudged_rows(
    claim: Claim, scale: str, reason: str, role: str = "verdict"
) -> list[dict[str, str]]:
    """The rows of claims.csv for a claim without results, and for its readings."""
    claim = claim.at(scale)
    rows = [row for one in claim.readings for row in unjudged_rows(one, scale, reason, "reading")]
    verdict = "not run"
    if rows:
        verdict = share(row["verdict"] for row in rows)
        reason = in_words({row["claim"]: (row["verdict"], row["reason"]) for row in rows})
    elif isinstance(claim.test, Untestable):
        verdict, reason = "not testable here", claim.test.reason
    elif isinstance(claim.test, Counted):
        verdict = min(claim.test.verdicts())  # contradicted before reproduced
        reason = ", ".join(f"{what}: {number:g}" for what, number, *_ in claim.test.numbers)
    return [_row(claim.id, claim.basis, verdict, claim.place, claim.text, reason, role), *rows]


def _row(
    claim: str, basis: str, verdict: str, place: str, text: str, reason: str,
    role: str = "verdict",
) -> dict[str, str]:
    """A verdict without numbers, as a row of claims.csv."""
    empty = dict.fromkeys(("comparison", "statistic", "estimate", "low", "high", "noise"), "")
    return {"claim": claim, "role": role, "basis": basis, **empty, "n": "0", "verdict": verdict,
            "place": place, "text": text, "reason": reason}


# what is counted together: title -> basis
GROUPS = {"the paper's claims": "paper", "ours": "ours", "by proxy": "proxy"}


@dataclass(frozen=True)
class Verdicts:
    """The verdicts at one scale: of artefacts, of `speed`, and of derived claims."""

    artefacts: Sequence[ArtefactResults]
    speed: Mapping[Path | None, Sequence[Row]]  # see `of_speed`
    parts: Parts

    @property
    def judged(self) -> list[JudgedClaim]:
        """Each claim once, also if several artefacts have it."""
        every = chain(*(one.verdicts for one in self.artefacts),
                      *(judged_claims(rows) for rows in self.speed.values()))
        return list({(one.row["claim"], one.row["text"], one.row["verdict"]): one
                     for one in every}.values())

    @property
    def derived(self) -> list[JudgedClaim]:
        """The derived claims that rest on any of the judged ones."""
        readings = {one.row["claim"]: {row["claim"]: row["verdict"]
                                       for row in one.readings or [one.row]}
                    for one in self.judged if one.row["basis"] == "paper"}
        return [JudgedClaim(_row(each.id, "paper", each.verdict, "Conclusion", each.text, ", ".join(
                    f"{name} {verdict}" for name, verdict in each.parts.items())), [])
                for each in conclusions(readings, self.parts) if each.parts]

    @property
    def every(self) -> list[JudgedClaim]:
        """The judged claims and the derived ones."""
        return [*self.judged, *self.derived]

    @property
    def counts(self) -> dict[str, Counter[str]]:
        """How many claims have which verdict, by group; a claim counts once for all readings."""
        return {title: Counter(one.row["verdict"] for one in self.every
                               if one.row["basis"] == basis) for title, basis in GROUPS.items()}


def counted(counts: Mapping[str, int]) -> str:
    """The counts in words, those of every verdict."""
    return ", ".join(f"{counts.get(word, 0)} {word}" for word in VERDICTS)


def of_speed(
    results: Path, cache: Path, scale: str, claims: Iterable[Claim]
) -> dict[Path | None, Sequence[Row]]:
    """Rows of C31 by device folder; without any, the unjudged claims under None."""
    found: dict[Path | None, Sequence[Row]] = {
        path.parent: read_table(path)
        for path in sorted(speed_folder(results, cache, scale).glob("*/claims.csv"))}
    return found or {None: [row for claim in claims
                            for row in unjudged_rows(claim, scale, "no results: python bench.py "
                                                                   "speed")]}


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
