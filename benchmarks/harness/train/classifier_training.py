"""Training of the shipped classifiers: `bench.py classifier`."""

from argparse import Namespace
from collections.abc import Callable
import hashlib
import io
from math import radians
import time
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, pad

from benchmarks.harness.console import steps
from benchmarks.harness.data import packed
from benchmarks.harness.data.datasets import Split, points, to_float
from benchmarks.harness.data.seeding import generator, stream
from benchmarks.harness.errors import unknown
from benchmarks.harness.measure.features import CLASSIFIERS, Classifier, weights_of
from benchmarks.harness.measure.trained_model import in_chunks
from benchmarks.harness.spec.artefact import VALIDATION
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store import checkpoints, provenance
from benchmarks.harness.store.files import write_atomically, write_json
from benchmarks.harness.train.device import gpu_provenance, prepare_torch, usable_device
from benchmarks.harness.train.loop import BatchSampler

BATCH, SEED = 512, 0
PEAK_LR, MOMENTUM, DECAY, SMOOTHING = 0.4, 0.9, 5e-4, 0.1
N_TEST = 10_000


class Training(NamedTuple):
    """How the classifier of a data set is trained."""

    n_train: int
    epochs: int
    augment: Callable[[Tensor, torch.Generator], Tensor]  # (n, C, H, W) -> (n, C, H, W)
    mixed: bool  # in bfloat16, which is fast on some processors and very slow on others

    @property
    def precision(self) -> str:
        """For provenance."""
        return f"{'bf16' if self.mixed else 'fp32'} in training, fp32 in use"


def train_classifier(name: str, options: Namespace) -> int:
    """Trains on the training split; writes weights, accuracy and provenance; returns 0.

    Resumes after the last complete epoch. Raises UsageError for an unknown name, MissingDataError
    without the data set of that name."""
    if name not in TRAININGS:
        raise unknown("classifier", name, TRAININGS)
    training, root = TRAININGS[name], options.cache_dir / "data"
    run = Run(name, training.n_train, "mlp2", "mmd", (), "", dim=1, epochs=training.epochs,
              batch=BATCH)
    packed.prepare([run], root, options.data_dir, options.paths)
    provenance.note_code()
    device = prepare_torch(usable_device(options.device), "fp32")
    torch.set_num_threads(options.jobs)
    data = points(run, "train", training.n_train, root)
    trainer = ClassifierTrainer(name, training, data, device)
    place = options.cache_dir / "classifier" / name
    sealed, _ = checkpoints.newest(place)
    if sealed:
        trainer.restore(sealed)
    while trainer.epoch < training.epochs:
        loss = trainer.advance()
        checkpoints.save(place, trainer.state())
        print(f"epoch {trainer.epoch} of {training.epochs}: loss {loss:.4f}, "
              f"{trainer.seconds:.0f} s", flush=True)
    accuracy = accuracy_of(trainer.network, points(run, "test", N_TEST, root), device)
    write(trainer, accuracy, device, packed.identity(run, root))
    print(f"{accuracy:.2%} of {N_TEST} test images are classified rightly; "
          f"weights: {weights_of(name)}")
    return 0


class ClassifierTrainer:
    """A training in progress, epoch by epoch."""

    def __init__(self, name: str, training: Training, train: Split, device: str) -> None:
        assert train.labels is not None
        self.name, self.training = name, training
        self.device, self.epoch, self.seconds = device, 0, 0.0
        self.x, self.labels = train.x.to(device), train.labels.long().to(device)
        torch.default_generator.manual_seed(stream(SEED, "classifier weights"))
        self.network = Classifier(CLASSIFIERS[name]).to(device).to(
            memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=PEAK_LR, momentum=MOMENTUM,
                                         weight_decay=DECAY, nesterov=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, PEAK_LR, training.epochs * (len(self.x) // BATCH), pct_start=0.25,
            div_factor=10, final_div_factor=1000)

    def advance(self) -> float:
        """One epoch; returns its mean loss. Order and augmentation depend on the epoch alone."""
        began, total = time.monotonic(), 0.0
        draws = generator(SEED, f"classifier epoch {self.epoch}")
        batches, count = BatchSampler(len(self.x), BATCH, draws, self.device), len(self.x) // BATCH
        batches.renew()
        self.network.train()
        with steps(f"epoch {self.epoch + 1} of {self.training.epochs}", count) as tell:
            for done in range(1, count + 1):
                index = batches.at(done - 1)
                shown = self.training.augment(to_float(self.x[index]), draws)
                loss = self._loss(shown, self.labels[index])
                self.optimizer.zero_grad()
                torch.autograd.backward(loss)
                self.optimizer.step()
                self.schedule.step()
                total += float(loss.detach())
                tell(done)
        self.epoch += 1
        self.seconds += time.monotonic() - began
        return total / count

    def _loss(self, x: Tensor, labels: Tensor) -> Tensor:
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.training.mixed):
            logits = self.network(x.to(memory_format=torch.channels_last))
        return cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)

    def state(self) -> bytes:
        """The checkpoint from which `restore` continues."""
        buffer = io.BytesIO()
        torch.save({"network": self.network.state_dict(), "epoch": self.epoch,
                    "optimizer": self.optimizer.state_dict(), "seconds": self.seconds,
                    "schedule": self.schedule.state_dict()}, buffer)
        return buffer.getvalue()

    def restore(self, data: bytes) -> None:
        """The inverse of `state`."""
        state = torch.load(io.BytesIO(data), map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch, self.seconds = state["epoch"], state["seconds"]


SHIFT = 4  # pixels of padding that a picture may be moved by


def mirrored_and_moved(x: Tensor, draws: torch.Generator) -> Tensor:
    """Pictures (n, C, H, H), each mirrored or not and moved by up to SHIFT pixels."""
    n, side = len(x), x.shape[3]
    mirrored = (torch.rand(n, generator=draws) < 0.5).to(x.device)
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    shifts = torch.randint(0, 2 * SHIFT + 1, (2, n), generator=draws).to(x.device)
    rows, columns = (shift[:, None] + torch.arange(side, device=x.device) for shift in shifts)
    every = torch.arange(n, device=x.device)[:, None, None]
    padded = pad(x, [SHIFT] * 4, "reflect").permute(0, 2, 3, 1)
    return padded[every, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


TURN, GROWTH, MOVE = radians(15), 0.1, 2.0  # most that a digit is turned, scaled, moved in pixels


def warped(x: Tensor, draws: torch.Generator) -> Tensor:
    """Digits (n, 1, H, H) on black, each turned, scaled and moved; a mirrored one is another."""
    turn, growth, right, down = 2 * torch.rand(4, len(x), generator=draws) - 1
    scale, angle = 1 + GROWTH * growth, TURN * turn
    along, across = scale * angle.cos(), scale * angle.sin()
    right, down = (2 * MOVE / x.shape[3] * shift for shift in (right, down))  # the side is 2
    maps = torch.stack([along, -across, right, across, along, down], dim=1).view(-1, 2, 3)
    grid = affine_grid(maps.to(x.device), list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


TRAININGS = {
    "cifar10": Training(50_000, 24, mirrored_and_moved, mixed=True),
    # not on the suite's validation images: their scores choose lambda
    "mnist": Training(60_000 - VALIDATION, 12, warped, mixed=False)}


def accuracy_of(network: nn.Module, test: Split, device: str) -> float:
    """Share of the test images that get their own class, in full precision."""
    assert test.labels is not None
    network.eval()
    with torch.no_grad():
        logits = in_chunks(lambda part: network(to_float(part.to(device))), test.x)
    return float((logits.argmax(dim=1).cpu() == test.labels).double().mean())


def write(trainer: ClassifierTrainer, accuracy: float, device: str, data: str | None) -> None:
    """Writes the weights, and beside them their accuracy and provenance."""
    code = provenance.code()  # before the weights that are written here count as an edit
    weights = safetensors.torch.save({name: value.contiguous().cpu() for name, value
                                      in trainer.network.state_dict().items()})
    path, training = weights_of(trainer.name), trainer.training
    write_atomically(path, weights)
    write_json(path.with_suffix(".json"), {
        **code, **provenance.environment(), "device": device, **gpu_provenance(device),
        "data": data, "sha256": hashlib.sha256(weights).hexdigest(), "test_accuracy": accuracy,
        "n_train": len(trainer.x), "n_test": N_TEST, "epochs": training.epochs, "batch": BATCH,
        "precision": training.precision, "seed": SEED,
        "command": f"bench.py classifier {trainer.name}",
        "train_seconds": round(trainer.seconds)})
