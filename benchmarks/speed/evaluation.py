"""Scores of generated images: the Frechet distance, image SWD, and a whole evaluation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
import io
from pathlib import Path
from unittest.mock import patch

from PIL import Image
from scipy.linalg import sqrtm
import torch
from torch import nn
from torch.nn.functional import normalize

from benchmarks.harness.measure import features
from benchmarks.harness.measure.feature_scores import (
    Gaussian,
    feature_scores,
    fit_gaussian,
    frechet_distance,
)
from benchmarks.harness.measure.image_swd import image_swd
from benchmarks.speed.cases import Case, Sizes, images, run, training


def distances(sizes: Sizes, device: str) -> list[Case]:
    """Cases of Frechet distance, image SWD and sampling."""
    draws = torch.Generator().manual_seed(0)
    sets = [torch.randn(2 * sizes.features, sizes.features, generator=draws) for _ in range(2)]
    a, b = (fit_gaussian(x) for x in sets)
    what = f"Frechet distance, {sizes.features} features"
    real = images(sizes.compared, 32).float() / 255
    decoder = training(run("a2", "mmd", sizes.width), device).objective.decoder
    assert decoder is not None
    decoder.eval()
    z = normalize(torch.randn(100, 128, generator=draws), dim=1).to(device)
    return [
        Case("distance", what, "ours", lambda: frechet_distance(a, b)),
        Case("distance", what, "by scipy's sqrtm, as pytorch-fid has it", lambda: _by_sqrtm(a, b)),
        Case("distance", f"image SWD, {sizes.compared} images of 32 x 32", "ours",
             lambda: image_swd(real, real.flip(3), torch.Generator().manual_seed(0))),
        Case("sampling", "100 samples of A2, 32 x 32", "ours", torch.no_grad()(lambda: decoder(z)))]


def _by_sqrtm(a: Gaussian, b: Gaussian) -> float:
    product = (a.covariance @ b.covariance).numpy()
    trace = float(a.covariance.trace() + b.covariance.trace())
    return float((a.mean - b.mean).square().sum()) + trace - 2 * float(sqrtm(product).trace().real)


def whole(sizes: Sizes, device: str, folder: Path) -> list[Case]:
    """Cases of FID, KID, precision and recall from images, beside pytorch-fid and torch-fidelity.

    Weights are random, which takes the same time; building the network counts for ours and for
    torch-fidelity. The rivals read images from files under `folder`, as their users do; ours are in
    memory, as after sampling. Raises ImportError if a rival is not installed."""
    count = sizes.scored[torch.device(device).type]
    both = images(2 * count, 32)
    sets = (both[:count], both[count:])
    folders = [str(folder / name) for name in ("real", "made")]
    for place, pictures in zip(map(Path, folders), sets, strict=True):
        place.mkdir()
        for k, picture in enumerate(pictures):
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(place / f"{k}.png")

    @torch.no_grad()
    def ours() -> None:
        network = features.prepared(_random_inception(), device)
        real, made = (features.inception_features(network, x, device) for x in sets)
        feature_scores("inception", real=real, made=made, draws=torch.Generator().manual_seed(0))

    what = f"FID, KID, precision and recall of {count} images"
    return [Case("evaluation", what, "ours", ours),
            Case("evaluation", what, "pytorch-fid: FID alone, from PNG files",
                 _by_pytorch_fid(folders, _random_inception().to(device), device)),
            Case("evaluation", what, "torch-fidelity: the same four, from PNG files",
                 _by_torch_fidelity(folders, device, count))]


@contextmanager
def _random_weights() -> Iterator[None]:
    """Makes pytorch-fid and torch-fidelity keep their initial weights inside."""
    import pytorch_fid.inception as one
    import torch_fidelity.feature_extractor_inceptionv3 as other
    with (patch.object(one, "load_state_dict_from_url", lambda *a, **k: {}),
          patch.object(other, "load_state_dict_from_url", lambda *a, **k: {}),
          patch.object(nn.Module, "load_state_dict", lambda *a, **k: None)):
        yield


def _random_inception() -> nn.Module:
    from pytorch_fid.inception import InceptionV3
    with _random_weights():
        network: nn.Module = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    return network


def _by_pytorch_fid(folders: list[str], network: nn.Module, device: str) -> Callable[[], None]:
    """FID alone, as its users call it."""
    from pytorch_fid.fid_score import calculate_frechet_distance, compute_statistics_of_path

    def call() -> None:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            theirs = [compute_statistics_of_path(folder, network, 50, 2048, device)
                      for folder in folders]
            calculate_frechet_distance(*theirs[0], *theirs[1])
    return call


def _by_torch_fidelity(folders: list[str], device: str, count: int) -> Callable[[], None]:
    """FID, KID, precision and recall, from features computed once."""
    from torch_fidelity import calculate_metrics

    def call() -> None:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), _random_weights():
            calculate_metrics(
                input1=folders[1], input2=folders[0], cuda=device != "cpu", fid=True, kid=True,
                prc=True, feature_extractor="inception-v3-compat", cache=False, verbose=False,
                kid_subset_size=min(1000, count))
    return call
