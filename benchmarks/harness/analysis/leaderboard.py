"""The leaderboard's table and its sentences: ranks, intervals, and who is told apart."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.harness.analysis.ranking import ALPHA, Standing, standing
from benchmarks.harness.analysis.tables import exhibited, final_scores
from benchmarks.harness.spec.run import SETTLED

SCORE = "fd_mnist"
MEANS = (SCORE, "fd_mnist_gmm", "precision_mnist", "recall_mnist", "test_reconstruction",
         "latent_swd_over_floor", "latent_energy_over_floor", "latent_mmd_over_floor")
COSTS = ("regularizer_ms", "regularizer_mib")  # of one run, on the machine that trained it
# sampled from a mixture that is fitted to the codes, in a row of its own or always
MIXTURE = ", mixture"
BY_MIXTURE, ALWAYS_BY_MIXTURE = ("autoencoder",), ("rae",)


def competing(rows: pd.DataFrame) -> pd.DataFrame:
    """The last row of every run, with `label` (the row of the leaderboard) and its `score`.

    The score is the Frechet distance of samples from the prior, or from a mixture fitted to the
    codes where a row says so; NaN if the run diverged. Missing runs are left out."""
    rows = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *MEANS, *COSTS])))
    last = rows.groupby(["arm", "seed"], sort=False).tail(1)
    last = last[last["status"].isin(SETTLED)]
    last = last.assign(label=[str(arm).partition("[")[0] for arm in last["arm"]], score=last[SCORE])
    always = last["label"].isin(ALWAYS_BY_MIXTURE)
    last.loc[always, "score"] = last.loc[always, "fd_mnist_gmm"]
    twice = last[np.array([label.partition(" ")[0] in BY_MIXTURE for label in last["label"]], bool)]
    twice = twice.assign(label=[f"{label}{MIXTURE}" for label in twice["label"]],
                         score=twice["fd_mnist_gmm"])
    return pd.concat([last, twice], ignore_index=True)


def score_matrix(found: pd.DataFrame, panels: Sequence[str]) -> pd.DataFrame:
    """(panel and seed, label) scores; only of rows and seeds that are complete in the panels."""
    found = found[found["panel"].isin(panels)]
    if found.empty:
        return pd.DataFrame()
    wide = found.pivot_table(index=["panel", "seed"], columns="label", values="score",
                             aggfunc="first", dropna=False, sort=False)
    there = found.assign(there=1).pivot_table(index=["panel", "seed"], columns="label",
                                              values="there", aggfunc="first", sort=False)
    complete = there.notna()
    keep = complete.columns[complete.all()]
    return wide[keep]


def _scored(found: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of the scores, with label, panel and the arm that was trained."""
    known = found.drop_duplicates(["panel", "label"])[["panel", "label", "arm"]]
    if found.empty:
        return known.rename(columns={"arm": "trained_as"}).reindex(columns=SCORED)
    scores = final_scores(found.drop(columns="arm").rename(columns={"label": "arm"}), ["score"])
    return scores.rename(columns={"arm": "label"}).merge(
        known.rename(columns={"arm": "trained_as"}), on=["panel", "label"])[list(SCORED)]


SCORED = ("panel", "label", "trained_as", *(f"score_{end}" for end in ("mean", "std", "low",
                                                                       "high")))


def overall(rows: pd.DataFrame) -> Standing:
    """The standing over all dimensions and seeds, of the rows that are trained at all of them."""
    found = competing(rows)
    return standing(score_matrix(found, list(found["panel"].drop_duplicates())))


def ranked(rows: pd.DataFrame, drawn_seed: int) -> pd.DataFrame:
    """data.csv: one row per competitor and dimension, by `rank`, the mean over seeds.

    `score` is the Frechet distance by which a row is ranked; `overall_rank` is over all
    dimensions; `lam` the weight that was chosen."""
    found = competing(rows)
    means = final_scores(rows, list(MEANS), ["method", "prior", "lam"])
    costs = found.groupby("arm", sort=False)[list(COSTS)].first()
    means = exhibited(rows, means.merge(costs, "left", "arm"), drawn_seed)
    table = means.rename(columns={"arm": "trained_as"}).merge(
        _scored(found), "outer", ["panel", "trained_as"])
    table["label"] = table["label"].fillna(table["trained_as"].str.partition("[")[0])
    table["arm"] = table["label"] + "[" + table["panel"] + "]"
    everywhere = overall(rows).mean
    table["overall_rank"] = table["label"].map(everywhere).astype(float)
    ranks = {panel: standing(score_matrix(found, [panel])).mean
             for panel in means["panel"].drop_duplicates()}
    table["rank"] = [ranks[panel].get(label, np.nan)
                     for panel, label in zip(table["panel"], table["label"], strict=True)]
    by_mixture = table["label"].str.endswith(MIXTURE)
    table["exhibit"] = table["exhibit"].mask(by_mixture)  # its samples are from the prior
    order = {panel: k for k, panel in enumerate(ranks)}
    out = table.assign(_panel=table["panel"].map(order)).sort_values(
        ["_panel", "rank", "score_mean"], kind="stable", ignore_index=True)
    first = ["scale", "dataset", "panel", "arm", "rank", "overall_rank", "score_mean", "score_low",
             "score_high"]
    return out[[*first, *(name for name in out if name not in (*first, "_panel"))]]


def pairs(rows: pd.DataFrame) -> str:
    """pairs.csv: every two competitors, their mean ranks, and p after Holm's correction."""
    found = overall(rows)
    mean, units = found.mean, len(found.ranks)
    lines = [{"better": a, "worse": b, "rank_better": mean[a], "rank_worse": mean[b],
              "p_holm": found.pairs.loc[a, b], "told_apart": bool(found.pairs.loc[a, b] < ALPHA),
              "n": units}
             for k, a in enumerate(mean.index) for b in mean.index[k + 1:]]
    columns = ["better", "worse", "rank_better", "rank_worse", "p_holm", "told_apart", "n"]
    return pd.DataFrame(lines, columns=columns).to_csv(index=False, lineterminator="\n")


def summary(rows: pd.DataFrame) -> str:
    """summary.txt: what was found in one sentence, then the groups that are not told apart."""
    found = overall(rows)
    mean, apart = found.mean, found.told_apart()
    if mean.empty:
        return "No competitor has been trained at every dimension and seed yet.\n"
    panels = list(rows["panel"].drop_duplicates())
    seeds = rows.loc[rows["status"].isin(SETTLED), "seed"].nunique()
    where = (f"{rows['dataset'].iloc[0]}, {rows['scale'].iloc[0]} scale, {', '.join(panels)}, "
             f"{seeds} {'seed' if seeds == 1 else 'seeds'}")
    best, *others = found.groups()[0]
    worse = [b for a, b in apart if a == best]
    like = f", not told apart from {_listed(others)}" if others else ""
    behind = f"; {len(worse)} of {len(mean) - 1} rows are worse beyond chance" if worse else ""
    lines = [f"{best} has the best mean rank in fd_mnist ({mean[best]:.1f} of {len(mean)} rows)"
             f"{like}{behind} ({where})."]
    if not np.isnan(found.friedman):
        lines.append(f"All rows alike: p = {found.friedman:.2g} (Friedman, {len(found.ranks)} "
                     "dimensions x seeds; the seeds of a dimension are replicates of one data set, "
                     "not data sets).")
    lines.append(f"{len(apart)} of {len(mean) * (len(mean) - 1) // 2} differences in rank survive "
                 "Holm's correction (Conover's test, 5 %); pairs.csv has each.")
    lines += [f"Not told apart: {_listed(group)}." for group in found.groups() if len(group) > 1]
    if alone := [group[0] for group in found.groups() if len(group) == 1]:
        lines.append(f"Told apart from every other row: {_listed(alone)}.")
    return "\n".join(lines) + "\n"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
