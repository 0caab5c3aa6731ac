"""Training of the CIFAR-10 classifier: `bench.py classifier`."""

from argparse import Namespace
import hashlib
import io
import time

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from benchmarks.harness.console import steps
from benchmarks.harness.data import packed
from benchmarks.harness.data.datasets import Split, identity, points, to_float
from benchmarks.harness.data.seeding import generator, stream
from benchmarks.harness.measure.features import WEIGHTS, Classifier
from benchmarks.harness.measure.trained_model import in_chunks
from benchmarks.harness.spec.run import Run
from benchmarks.harness.store import checkpoints, provenance
from benchmarks.harness.store.files import write_atomically, write_json
from benchmarks.harness.train.device import prepare_torch
from benchmarks.harness.train.loop import BatchSampler

EPOCHS, BATCH, SEED = 24, 512, 0
PEAK_LR, MOMENTUM, DECAY, SMOOTHING = 0.4, 0.9, 5e-4, 0.1
SHIFT = 4  # pixels of padding that a picture may be moved by
N_TRAIN, N_TEST = 50_000, 10_000


def train_classifier(options: Namespace) -> int:
    """Trains on the training split; writes weights, accuracy and provenance; returns 0.

    Resumes after the last complete epoch. Raises MissingDataError without CIFAR-10."""
    root = options.cache_dir / "data"
    run = Run("cifar10", N_TRAIN, "mlp2", "mmd", (), "", dim=1, epochs=EPOCHS, batch=BATCH)
    packed.prepare([run], root, options.data_dir, options.paths)
    provenance.note_code()
    device = prepare_torch(options.device, "fp32")
    torch.set_num_threads(options.jobs)
    trainer = ClassifierTrainer(points(run, "train", N_TRAIN, root), device)
    place = options.cache_dir / "classifier"
    sealed, _ = checkpoints.newest(place)
    if sealed:
        trainer.restore(sealed)
    while trainer.epoch < EPOCHS:
        loss = trainer.advance()
        checkpoints.save(place, trainer.state())
        print(f"epoch {trainer.epoch} of {EPOCHS}: loss {loss:.4f}, {trainer.seconds:.0f} s",
              flush=True)
    accuracy = accuracy_of(trainer.network, points(run, "test", N_TEST, root), device)
    write(trainer, accuracy, device, identity(run, root))
    print(f"{accuracy:.2%} of {N_TEST} test images are classified rightly; weights: {WEIGHTS}")
    return 0


class ClassifierTrainer:
    """A training in progress, epoch by epoch."""

    def __init__(self, train: Split, device: str) -> None:
        assert train.labels is not None
        self.device, self.epoch, self.seconds = device, 0, 0.0
        self.x, self.labels = train.x.to(device), train.labels.long().to(device)
        torch.default_generator.manual_seed(stream(SEED, "classifier weights"))
        self.network = Classifier().to(device).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=PEAK_LR, momentum=MOMENTUM,
                                         weight_decay=DECAY, nesterov=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, PEAK_LR, EPOCHS * (len(self.x) // BATCH), pct_start=0.25,
            div_factor=10, final_div_factor=1000)

    def advance(self) -> float:
        """One epoch; returns its mean loss. Order and augmentation depend on the epoch alone."""
        began, total = time.monotonic(), 0.0
        draws = generator(SEED, f"classifier epoch {self.epoch}")
        batches, count = BatchSampler(len(self.x), BATCH, draws, self.device), len(self.x) // BATCH
        batches.renew()
        self.network.train()
        with steps(f"epoch {self.epoch + 1} of {EPOCHS}", count) as tell:
            for done in range(1, count + 1):
                index = batches.at(done - 1)
                loss = self._loss(augment(to_float(self.x[index]), draws), self.labels[index])
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
        with torch.autocast(self.device.partition(":")[0], dtype=torch.bfloat16):
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


def augment(x: Tensor, draws: torch.Generator) -> Tensor:
    """Pictures (n, 3, 32, 32), each mirrored or not and moved by up to SHIFT pixels."""
    n, side = len(x), x.shape[3]
    mirrored = (torch.rand(n, generator=draws) < 0.5).to(x.device)
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    shifts = torch.randint(0, 2 * SHIFT + 1, (2, n), generator=draws).to(x.device)
    rows, columns = (shift[:, None] + torch.arange(side, device=x.device) for shift in shifts)
    every = torch.arange(n, device=x.device)[:, None, None]
    padded = pad(x, [SHIFT] * 4, "reflect").permute(0, 2, 3, 1)
    return padded[every, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def accuracy_of(network: nn.Module, test: Split, device: str) -> float:
    """Share of the test images that get their own class, in full precision."""
    assert test.labels is not None
    network.eval()
    with torch.no_grad():
        logits = in_chunks(lambda part: network(to_float(part.to(device))), test.x)
    return float((logits.argmax(dim=1) == test.labels).double().mean())


def write(trainer: ClassifierTrainer, accuracy: float, device: str, data: str | None) -> None:
    """Writes the weights, and beside them their accuracy and provenance."""
    code = provenance.code()  # before the weights that are written here count as an edit
    weights = safetensors.torch.save({name: value.contiguous().cpu() for name, value
                                      in trainer.network.state_dict().items()})
    write_atomically(WEIGHTS, weights)
    write_json(WEIGHTS.with_suffix(".json"), {
        **code, **provenance.environment(), "device": device, "data": data,
        "sha256": hashlib.sha256(weights).hexdigest(), "test_accuracy": accuracy,
        "n_train": len(trainer.x), "n_test": N_TEST, "epochs": EPOCHS, "batch": BATCH,
        "precision": "bf16 in training, fp32 in use", "seed": SEED,
        "train_seconds": round(trainer.seconds)})
