"""Scores of samples along one setting, beside the paper's own numbers (Tables 4 and 5)."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.score_table import METRICS
from figures.style import RC, lacking, seeds, setting, warn


def draw(data: DataFrame, folder: Path) -> Figure:
    """Means over the seeds with 95 % intervals; the paper's numbers hollow, on FID's axis."""
    cited = bool(data["cited_fid"].notna().any())
    shown = [name for name in METRICS
             if data[f"{name}_mean"].notna().any() or (name == "fid" and cited)]
    places = range(len(data))
    with rc_context(RC):
        figure = Figure(figsize=(1.4 + 3.6 * len(shown), 3.4))
        axes = figure.subplots(1, len(shown), squeeze=False)[0]
        for ax, name in zip(axes, shown, strict=True):
            mean = data[f"{name}_mean"]
            ax.errorbar(places, mean, yerr=mean - data[f"{name}_low"], ls="none", marker="o", ms=5,
                        capsize=3, color="#D55E00", label="here")
            if name == "fid" and cited:
                ax.plot(places, data["cited_fid"], ls="none", marker="D", ms=5, mfc="none",
                        color="black", label="as printed in the paper")
                ax.legend(frameon=False)
            ax.set_xticks(places, data["arm"], rotation=20)
            ax.set_xlim(-0.5, len(data) - 0.5)
            ax.set_ylabel(METRICS[name])
        warn(axes[-1], *lacking(data, "missing", "diverged"))
        figure.suptitle(f"{setting(data)}, up to {seeds(data['n'].max())}", fontsize=9.5)
    return figure
