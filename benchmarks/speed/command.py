"""`speed`: times the suite and its rivals, and writes results/speed/<processor or GPU>."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
import re
import tempfile
from typing import Any

import pandas as pd
import torch

from benchmarks.harness.analysis.verdicts import COLUMNS
from benchmarks.harness.console import print_verdicts, shown
from benchmarks.harness.errors import UsageError
from benchmarks.harness.results import read
from benchmarks.harness.results.write import draw
from benchmarks.harness.store import provenance
from benchmarks.harness.store.files import write_atomically, write_json
from benchmarks.harness.store.processors import cores
from benchmarks.harness.train.device import gpu_provenance, prepare_torch, usable_device
from benchmarks.speed import evaluation, memory, negatives, regularizers, training_step
from benchmarks.speed.cases import SIZES, Case, Sizes, measured

RIVALS = "pythae or torch-fidelity is not installed: pip install -e '.[bench]'"
TURNS = {"beside pythae": 2}  # times as many: this ratio is near what it is compared with
HEADER = ["scale", "group", "what", "who", "unit", "median", "low", "high", "n", "relative"]


def speed(options: Namespace) -> int:
    """Times everything on the device; 0, or 1 if a rival is not installed.

    Raises UsageError for a device that cannot be used."""
    usable = usable_device(options.device)
    provenance.note_code()
    device = prepare_torch(usable, "fp32")
    threads = (device == "cpu" and options.jobs) or cores()
    torch.set_num_threads(threads)
    folder = _folder(options, device)
    rows, lacking = _rows(SIZES[options.scale], device)
    table = pd.DataFrame(rows).assign(scale=options.scale).reindex(columns=HEADER)
    claims = pd.DataFrame(negatives.verdicts(rows)).reindex(columns=COLUMNS)
    _write(folder, table, claims, device, threads)
    print_verdicts(read.read_table(folder / "claims.csv"))
    print(f"results: {shown(folder)}/ (data.csv claims.csv provenance.json "
          "figure.png figure.pdf figure.svg)")
    if lacking:
        print(f"not compared: {lacking}")
    return int(bool(lacking))


def _folder(options: Namespace, device: str) -> Path:
    places = (options.results_dir, options.cache_dir)
    folder = read.speed_folder(*places, options.scale) / machine(device)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"results cannot be written to {folder}: {error.strerror}") from None
    return folder


def machine(device: str) -> str:
    """Folder name for the model of processor or GPU, so that results stand apart."""
    model = str(_gpu(device) or provenance.environment()["processor"]).lower()
    words = re.findall("[a-z0-9]+", re.sub(r"\((r|tm)\)", " ", model))
    return "-".join(words) or torch.device(device).type


def _gpu(device: str) -> str | None:
    return torch.cuda.get_device_name() if device != "cpu" else None


def _rows(sizes: Sizes, device: str) -> tuple[list[dict[str, Any]], str | None]:
    """Rows of all cases that can be timed here, and the reason for those that cannot."""
    rows, lacking = [], None
    with tempfile.TemporaryDirectory() as place:
        groups: dict[str, Callable[[], list[Case]]] = {
            "training step": lambda: training_step.paths(sizes, device),
            "beside pythae": lambda: training_step.beside_pythae(sizes, device, Path(place)),
            "regularizer in the step": lambda: training_step.regularizers(sizes, device),
            "regularizer alone": lambda: regularizers.alone(sizes, device),
            "distance and sampling": lambda: evaluation.distances(sizes, device),
            "evaluation": lambda: evaluation.whole(sizes, device, Path(place)),
            negatives.GROUP: lambda: negatives.cases(sizes, device)}
        for name, cases in groups.items():
            print(f"{name}:", flush=True)
            try:
                rows += measured(cases(), TURNS.get(name, 1) * sizes.repeats, device)
            except ImportError as error:
                lacking = f"{RIVALS} ({error})"
                print(f"  left out: {error}")
    rows += negatives.memory(sizes, device) + memory.of_training(sizes, device)
    return rows, lacking


def _write(
    folder: Path, table: pd.DataFrame, claims: pd.DataFrame, device: str, threads: int
) -> None:
    for name, frame in (("data.csv", table), ("claims.csv", claims)):
        write_atomically(folder / name, frame.to_csv(index=False).encode())
    write_json(folder / "provenance.json", {
        **provenance.code(), **provenance.environment(), "device": device, "gpu": _gpu(device),
        **gpu_provenance(device), "threads": threads})
    draw("speed", (folder / "data.csv").read_text(encoding="utf-8"), folder)
