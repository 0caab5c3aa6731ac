"""Ex-post density: samples from a mixture fitted to the codes (Ghosh et al. 2020)."""

from sklearn.mixture import GaussianMixture
import torch
from torch import Tensor

from benchmarks.harness.measure.trained_model import TrainedModel

COMPONENTS = 10  # each with a full covariance
FITTED = 10_000  # training codes, or as many as there are


def mixture_samples(trained: TrainedModel) -> Tensor:
    """(n, C, H, W) decoded draws from a Gaussian mixture fitted to codes of training images.

    They stand beside `TrainedModel.samples`: what these lose against them is the mismatch between
    codes and prior, the rest is the decoder's. Draws are mapped to the prior's support."""
    codes = trained.training_codes(FITTED).double().numpy()
    mixture = GaussianMixture(COMPONENTS, random_state=trained.random_state).fit(codes)
    drawn, _ = mixture.sample(trained.n)
    return trained.decode(trained.prior.constrain(torch.from_numpy(drawn).float()))
