"""Style of all figures: fonts, colour-blind-safe colours, a fixed colour and dash per arm."""

from collections.abc import Sequence
import re
from typing import Any, NamedTuple

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pandas import DataFrame, Series, notna

RC: dict[Any, Any] = {
    "font.size": 9.0, "axes.titlesize": 9.0, "axes.labelsize": 9.0, "legend.fontsize": 8.0,
    "xtick.labelsize": 8.0, "ytick.labelsize": 8.0, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25, "lines.linewidth": 1.4,
    "figure.titlesize": 9.5, "legend.frameon": False, "errorbar.capsize": 3.0,
    "image.interpolation": "nearest", "savefig.dpi": 200, "pdf.fonttype": 42,
    "figure.constrained_layout.use": True}
WARNING = "#B00020"
BLUE, ORANGE, VERMILION = "#0072B2", "#E69F00", "#D55E00"  # of Okabe and Ito's palette
CITED: dict[str, Any] = {"ls": "none", "marker": "D", "mfc": "none", "color": "black",
                         "label": "as printed in the paper"}
METRICS = {"fid": "FID", "fd_cifar10": "fd_cifar10 (a stand-in for FID)"}


class Look(NamedTuple):
    """An arm's colour, dash and label."""

    label: str
    colour: str
    dash: str | tuple[int, tuple[int, ...]]


# what is not in the paper's own figure is dotted and says so
LOOKS = {
    "moca[tau=0.05]": Look("MoCA, τ = 0.05", VERMILION, "-"),
    "moca[tau=1]": Look("MoCA, τ = 1", VERMILION, "--"),
    "moca[tau=0.1]": Look("MoCA, τ = 0.1", ORANGE, "-"),
    "moca[tau=0.1,m0=0]": Look("MoCA, τ = 0.1, no momentum (ours)", ORANGE, ":"),
    "repulsion[tau=0.1]": Look("MoCA, τ = 0.1, no positive (ours)", "#882255", ":"),
    "moca[tau=0.2]": Look("MoCA, τ = 0.2", ORANGE, "--"),
    "moca[tau=0.05,mask_self]": Look("MoCA, τ = 0.05, own keys masked", "#7A0177", "-."),
    "moca[tau=0.05,decoupled]": Look("MoCA, τ = 0.05, decoupled (ours)", VERMILION, ":"),
    "moca[tau=0.99]": Look("MoCA, τ = 0.99", VERMILION, (0, (1, 1))),
    "svae": Look("S-VAE", BLUE, (0, (1, 1))),
    "mmd": Look("MMD", BLUE, "-"),
    "swd": Look("SWD", "#56B4E9", "-"),
    "sinkhorn": Look("Sinkhorn", "#009E73", (0, (5, 2))),
    "sae": Look("Sinkhorn (SAE)", "#004D40", (0, (3, 1, 1, 1))),
    "uniformity": Look("Uniformity, τ = 0.05 (ours)", "#000000", ":"),
    "uniformity[literal]": Look("Uniformity, Eq. 5 as printed (ours)", "#000000", "-."),
    "gan": Look("GAN (ours)", "#CC79A7", ":"),
    "cramer-wold": Look("Cramér-Wold (ours)", "#8C8C00", ":"),
    "sigreg": Look("SIGReg (ours)", "#6A3D9A", ":"),
    "ssw": Look("Spherical SWD (ours)", "#33A02C", ":"),
    "koleo": Look("KoLeo (ours)", "#A6761D", ":"),
    "energy": Look("Energy distance (ours)", "#E7298A", ":"),
    "moments": Look("Moments (ours)", "#444444", ":"),
    "mmd[memory]": Look("MMD, MoCA's memory (ours)", BLUE, ":"),
    "swd[projections=1000]": Look("SWD, 1000 projections", "#56B4E9", "--"),
    "swd[memory]": Look("SWD, MoCA's memory (ours)", "#56B4E9", ":")}
FLOOR = Look("uniform vs. uniform", "#777777", "-")
SPARE = ("#AA3377", "#228833", "#4477AA", "#BB5566", "#000000")

RIVALS = {  # by a row's label without its architecture
    "moca": LOOKS["moca[tau=0.05]"]._replace(label="MoCA"),
    "mmd sphere": LOOKS["mmd"]._replace(label="MMD, sphere"),
    "mmd gaussian": LOOKS["mmd"]._replace(label="MMD, Gaussian", dash=":"),
    "gan sphere": LOOKS["gan"]._replace(label="GAN, sphere", dash="-"),
    "gan gaussian": LOOKS["gan"]._replace(label="GAN, Gaussian"),
    "uniformity": LOOKS["uniformity"]._replace(label="Uniformity"),
    "cramer-wold": LOOKS["cramer-wold"]._replace(label="Cramér-Wold"),
    "swd gaussian": LOOKS["swd"]._replace(label="SWD, Gaussian", dash=":"),
    "cramer-wold gaussian": LOOKS["cramer-wold"]._replace(label="Cramér-Wold, Gaussian", dash="-."),
    **{name: LOOKS[name] for name in ("swd", "sinkhorn", "sae")}}


def seeds(n: int) -> str:
    """The number of seeds in words."""
    return "1 seed" if n == 1 else f"{n} seeds"


def rival_looks(labels: list[str]) -> dict[str, Look]:
    """A look per regularizer and prior; a user's arms take the spare colours."""
    own = looks([label for label in labels if label not in RIVALS])
    return {label: RIVALS.get(label) or own[label] for label in labels}


def warn(ax: Axes, *notes: str) -> None:
    """Writes notes on missing data into the upper right corner."""
    if notes:
        ax.annotate("\n".join(notes), (0.98, 0.98), xycoords="axes fraction", ha="right", va="top",
                    color=WARNING, fontsize=8)


def legend_beside(ax: Axes) -> None:
    """Draws the legend to the right of the axes, level with their top."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def lacking(counts: DataFrame, *names: str) -> list[str]:
    """A note for each count column, such as `missing`, that is not zero over all arms."""
    return [f"{int(counts[name].sum())} runs {name}" for name in names if counts[name].sum()]


def measured(data: DataFrame) -> list[str]:
    """METRICS that the table has, measured here or cited from the paper."""
    cited = "cited_fid" in data and data["cited_fid"].notna().any()
    return [name for name in METRICS
            if data[f"{name}_mean"].notna().any() or (name == "fid" and cited)]


def metric_panels(data: DataFrame, wide: tuple[float, float],
                  tall: float) -> tuple[Figure, dict[str, Axes]]:
    """A figure with one panel per metric, FID without any; `wide`: margin, panel (inches)."""
    shown = measured(data) or ["fid"]
    figure = Figure(figsize=(wide[0] + wide[1] * len(shown), tall))
    panels = dict(zip(shown, figure.subplots(1, len(shown), squeeze=False)[0], strict=True))
    for name, ax in panels.items():
        ax.set_ylabel(METRICS[name])
    warn(ax, *lacking(data, "missing", "diverged"))
    figure.suptitle(f"{setting(data)}, up to {seeds(data['n'].max())}")
    return figure, panels


def frechet(row: Series) -> list[str]:
    """An arm's Frechet distances, each under its own name."""
    return [f"{label} {row[f'{column}_mean']:.1f}" for label, column in
            (("FID", "fid"), ("fd_cifar10", "fd_cifar10")) if notna(row[f"{column}_mean"])]


def in_shades(items: Sequence[Any]) -> dict[Any, str]:
    """A colour per item, from dark to light."""
    return {item: to_hex(colormaps["viridis"](0.88 * k / max(1, len(items) - 1)))
            for k, item in enumerate(items)}


def by_lambda(data: DataFrame) -> dict[str, Look]:
    """A look per arm: by lambda for the artefact's own grid, by name for a user's arm."""
    grid = data[data["arm"].str.contains("[lam=", regex=False)]
    colours = in_shades(sorted(grid["lam"].dropna().unique()))
    found = {}
    for _, row in grid.iterrows():
        other = re.search(r",(tau=)?([^],]+)]", row["arm"])  # settings that are not the main ones
        note = f", τ = {other[2]}" if other and other[1] else f", {other[2]}" if other else ""
        found[row["arm"]] = Look(f"λ = {row['lam']:g}{note}", colours[row["lam"]],
                                 "--" if other else "-")
    return found | looks(list(data.drop(grid.index)["arm"].drop_duplicates()))


def setting(data: DataFrame) -> str:
    """Data set and scale, which every figure names."""
    return ", ".join([*data["dataset"].drop_duplicates(), f"{data['scale'].iloc[0]} scale"])


def looks(arms: list[str]) -> dict[str, Look]:
    """A look per arm; a user's arms take the spare colours in order."""
    own = [arm for arm in arms if arm not in LOOKS]
    spare = {arm: Look(arm, SPARE[k % len(SPARE)], (0, (4, 1, *[1, 1] * (1 + k // len(SPARE)))))
             for k, arm in enumerate(own)}
    return {arm: LOOKS.get(arm) or spare[arm] for arm in arms}
