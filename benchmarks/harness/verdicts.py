"""How the verdicts of a sweep are told on the terminal."""

import csv
import io


def print_verdicts(claims: str) -> None:
    """A line per claim of claims.csv's text; with the reason where one cannot be tested."""
    for row in csv.DictReader(io.StringIO(claims)):
        if row["role"] != "verdict":
            continue
        reason = f" ({row['comparison']})" if row["verdict"] == "not testable here" else ""
        print(f"  {row['claim']:<28} {row['verdict']:<17} {row['basis']:<12} {row['text']}{reason}")
