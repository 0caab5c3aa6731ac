"""CelebA's aligned images, cropped and resized; CelebA-HQ, resized."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness.data import image_files
from benchmarks.harness.data.download import digest
from benchmarks.harness.errors import UsageError

CROP = 140  # MoCA paper, Appendix A: the central 140 x 140 pixels, resized to 64 x 64
RESAMPLE = {  # crop recipe -> filter, both antialiased
    "lanczos140": Image.Resampling.LANCZOS,  # WAE's datahandler.py
    "bilinear140": Image.Resampling.BILINEAR}  # CWAE's code, torchvision's default
FORMAT = image_files.ImageFormat(178, 218, 3)
COUNT, TRAIN = 202_599, 182_637  # official: training and validation are the first 182,637
ZIP_MD5 = "00d2c5bc6d35e252742224ab0c1e8fcb"  # torchvision's
PARTITION = "list_eval_partition.txt"
TEST_SPLIT = "2"  # the code of the test split in PARTITION
HQ_COUNT, HQ_TEST_SHARE = 30_000, 10  # Appendix A: about 27,000 and 3,000


def find(request: image_files.Request) -> image_files.FoundDataset:
    """CelebA: the official training and validation images, and the test images.

    Raises MissingDataError without it, UsageError if an image is grey or of another size."""
    if request.crop not in RESAMPLE or request.size is None:
        raise UsageError(f"CelebA needs a crop, {' or '.join(RESAMPLE)}, and a size")
    names = ("celeba/img_align_celeba", "img_align_celeba", "celeba/img_align_celeba.zip",
             "img_align_celeba.zip")
    images = _collection(request, names, "CelebA",
                         "img_align_celeba.zip, or the folder of its images,")
    splits, deviations = _partition(images)
    shape, resample = (3, request.size, request.size), RESAMPLE[request.crop]
    found = {split: image_files.split_of_files(images, chosen, FORMAT, shape, CROP, resample)
             for split, chosen in splits.items()}
    return image_files.FoundDataset(found, images.path.name, deviations)


def _collection(
    request: image_files.Request, names: Sequence[str], title: str, what: str
) -> image_files.ImageCollection:
    """The images at the first existing place; raises MissingDataError without any."""
    places = request.places(*names)
    if not places:
        raise request.missing(title, f"{what} into DIR")
    images = image_files.ImageCollection(places[0])
    if not images.names:
        raise UsageError(f"{title} is missing: there is no image in {images.path}")
    return images


def _partition(images: image_files.ImageCollection) -> tuple[dict[str, list[str]], list[str]]:
    """The names in each split, by PARTITION or else by number; deviations from the release."""
    deviations = []
    if len(images.names) != COUNT:
        deviations.append(f"CelebA: {len(images.names)} images, the official release has {COUNT}")
    if images.path.is_file() and digest(images.path) != ZIP_MD5:
        deviations.append(f"CelebA: {images.path.name} is not the official zip file")
    listed = [path for path in (images.path.parent / PARTITION, images.path / PARTITION)
              if path.is_file()]
    is_test = _listed(listed[0], images) if listed else _numbered(images)
    splits: dict[str, list[str]] = {"train": [], "test": []}
    for name in images.names:
        splits["test" if is_test[name] else "train"].append(name)
    for split, names in splits.items():
        if not names:
            raise UsageError(f"{images.path} has no {split} images of CelebA")
    return splits, deviations


def _listed(path: Path, images: image_files.ImageCollection) -> dict[str, bool]:
    """Whether each image is a test image, as the partition file says."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        split = dict(line.split() for line in lines if line.strip())
    except ValueError:
        raise UsageError(f"{path} is damaged: each line has a file's name and a number") from None
    for name in images.names:
        if Path(name).name not in split:
            raise UsageError(f"{path} does not tell the split of {name}")
    return {name: split[Path(name).name] == TEST_SPLIT for name in images.names}


def _numbered(images: image_files.ImageCollection) -> dict[str, bool]:
    """Whether each image is a test image, by its number."""
    try:
        return {name: int(Path(name).stem) > TRAIN for name in images.names}
    except ValueError:
        raise UsageError(f"the files of {images.path} are not CelebA's, 000001.jpg to 202599.jpg; "
                         f"and there is no {PARTITION} beside") from None


def find_hq(request: image_files.Request) -> image_files.FoundDataset:
    """CelebA-HQ at `size`: one image in ten, by a fixed shuffle of the names, is a test image.

    Raises MissingDataError without it, UsageError if an image is grey, not square, or too small."""
    assert request.size
    names = ("celeba_hq", "CelebA-HQ", "celeba-hq", "CelebAMask-HQ/CelebA-HQ-img",
             "celeba_hq.zip", "CelebA-HQ.zip", "celeba-hq.zip")
    images = _collection(request, names, "CelebA-HQ",
                         "the folder celeba_hq of its images, or a zip,")
    form = image_files.format_of(images.image(images.names[0]))
    if form.channels == 1:
        raise UsageError(f"{images.path}/{images.names[0]} is grey; CelebA-HQ is coloured")
    if form.width != form.height or form.width < request.size:
        raise UsageError(f"{images.path}/{images.names[0]} has {form.width}x{form.height} pixels; "
                         f"CelebA-HQ is square, and at least {request.size} wide here")
    order = np.random.default_rng(0).permutation(len(images.names))
    cut = len(order) - max(1, len(order) // HQ_TEST_SHARE)
    shape = (3, request.size, request.size)
    splits = {
        split: image_files.split_of_files(images, [images.names[k] for k in chosen], form, shape)
        for split, chosen in (("train", order[:cut]), ("test", order[cut:]))}
    deviations = [] if len(order) == HQ_COUNT else [
        f"CelebA-HQ: {len(order)} images, the official release has {HQ_COUNT}"]
    return image_files.FoundDataset(splits, images.path.name, deviations)
