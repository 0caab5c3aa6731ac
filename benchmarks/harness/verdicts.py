"""How verdicts are told on the terminal."""

import csv
import io


def verdict_line(claim: str, verdict: str, basis: str, text: str) -> str:
    """A claim and what became of it."""
    return f"  {claim:<28} {verdict:<17} {basis:<12} {text}"


def print_verdicts(claims: str) -> None:
    """A line per claim of claims.csv's text; with the reason where one cannot be tested."""
    for row in csv.DictReader(io.StringIO(claims)):
        if row["role"] != "verdict":
            continue
        reason = f" ({row['comparison']})" if row["verdict"] == "not testable here" else ""
        print(verdict_line(row["claim"], row["verdict"], row["basis"], row["text"] + reason))
