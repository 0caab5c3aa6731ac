"""The Inception network of the original FID (weights of 2015-12-05), as pytorch-fid has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import shutil

import torch
from torch import Tensor, nn

from benchmarks.harness.download import DownloadError, digest, download
from benchmarks.harness.errors import UsageError
from benchmarks.harness.files import temporary

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d"  # the digits in its name, by torch.hub's convention
FOLDER = "hub/checkpoints"  # where torch.hub looks, below the folder it is told


def prepare(root: Path, given: Path | None) -> str | None:
    """Has the weights under `root`, from the file that was given or by download.

    Returns why they are not to be had, or None. Raises UsageError for a given file that is absent
    or has another checksum.
    """
    place = root / FOLDER
    if given:
        if not given.is_file():
            raise UsageError(f"--fid-weights: there is no file {given}")
        if not digest(given, "sha256").startswith(SHA256):
            raise UsageError(f"--fid-weights: {given} is not {FILE}: its sha256 begins with "
                             f"{digest(given, 'sha256')[:8]}, not {SHA256}")
        place.mkdir(parents=True, exist_ok=True)
        fresh = temporary(place / FILE)
        shutil.copyfile(given, fresh)
        fresh.replace(place / FILE)
        return None
    try:
        download(FILE, _mirrors(), SHA256, place, "sha256")
    except DownloadError as error:
        return f"the Inception weights {FILE} are not here ({error}); name them by --fid-weights"
    return None


def _mirrors() -> list[str]:
    """Where pytorch-fid takes them from."""
    from pytorch_fid.inception import FID_WEIGHTS_URL
    return [FID_WEIGHTS_URL.removesuffix(FILE)]


@contextmanager
def _hub(folder: Path) -> Iterator[None]:
    before = torch.hub.get_dir()
    torch.hub.set_dir(folder)
    try:
        yield
    finally:
        torch.hub.set_dir(before)


def network(root: Path, device: str) -> nn.Module:
    """(n, 3, H, W) in [0, 1] -> [(n, 2048, 1, 1)]: bilinear to 299, then up to the last pooling."""
    from pytorch_fid.inception import InceptionV3
    with _hub(root / "hub"):
        inception: nn.Module = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    return inception.eval().to(device)


def features(inception: nn.Module, x: Tensor) -> Tensor:
    """(n, 2048) of 8-bit images (n, 3, H, W), or grey ones; see `network`."""
    shown: Tensor = inception(x.expand(-1, 3, -1, -1).float() / 255)[0]
    return shown.flatten(1)
