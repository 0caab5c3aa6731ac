"""How verdicts are told on the terminal."""

from collections.abc import Iterable, Mapping


def verdict_line(claim: str, verdict: str, basis: str, text: str) -> str:
    """A claim and what became of it."""
    return f"  {claim:<28} {verdict:<17} {basis:<12} {text}"


def print_verdicts(rows: Iterable[Mapping[str, str]]) -> None:
    """A line per claim of claims.csv's rows; with the reason where one cannot be tested."""
    for row in rows:
        if row["role"] != "verdict":
            continue
        reason = f" ({row['comparison']})" if row["verdict"] == "not testable here" else ""
        print(verdict_line(row["claim"], row["verdict"], row["basis"], row["text"] + reason))
