"""The plots: each takes the DataFrame of a data.csv and returns a matplotlib Figure."""

from collections.abc import Callable

from matplotlib.figure import Figure
from pandas import DataFrame

from figures import convergence

FIGURES: dict[str, Callable[[DataFrame], Figure]] = {"fig1-synthetic": convergence.draw}
