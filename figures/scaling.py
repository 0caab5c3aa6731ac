"""The best lambda against the image size, beside the paper's (Table 3)."""

from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from figures.style import BLUE, CITED, METRICS, VERMILION, lacking, setting, warn

MARKERS = {"fid": ("o", VERMILION), "fd_cifar10": ("s", BLUE)}


def draw(data: DataFrame, folder: Path) -> Figure:
    """Both axes logarithmic; the broken line is proportional to the number of pixels."""
    pixels = data["image_size"] ** 2
    figure = Figure(figsize=(5.2, 3.6))
    ax = figure.subplots()
    for name, (marker, colour) in MARKERS.items():
        if data[f"{name}_lam"].notna().any():
            ax.plot(pixels, data[f"{name}_lam"], marker=marker, ms=6, color=colour,
                    label=f"least {METRICS[name]}")
    if data["cited_lam"].notna().any():
        ax.plot(pixels, data["cited_lam"], ms=6, **CITED)
    first = data["fd_cifar10_lam"].dropna()
    if len(first):
        ax.plot(pixels, first.iloc[0] * pixels / pixels[first.index[0]], ls="--", lw=1,
                color="#777777", label="proportional to the pixels")
    ax.set(xscale="log", yscale="log", xlabel="pixels", ylabel="best λ")
    ax.set_xticks(pixels, [f"{side:g}²" for side in data["image_size"]])
    ax.minorticks_off()
    ax.legend()
    warn(ax, *lacking(data, "missing", "diverged"))
    figure.suptitle(setting(data))
    return figure
