"""The registry of latent-matching methods: modules, hyper-parameters and their sources.

Importing it does not import torch. Raise a method's `revision` when its mathematics changes, so
that runs stored with the old formula are not reused for the new one."""

from collections.abc import Callable
from typing import NamedTuple

Scalar = bool | int | float | str


class Bounds(NamedTuple):
    """The values that a hyper-parameter may have: `says` in words, `holds` as a test."""

    says: str
    holds: Callable[[Scalar], bool]


def _number(says: str, holds: Callable[[float], bool]) -> Bounds:
    return Bounds(says, lambda value: not isinstance(value, str) and holds(value))


POSITIVE = _number("positive", lambda value: value > 0)
NOT_NEGATIVE = _number("at least 0", lambda value: value >= 0)
SHARE = _number("from 0 to 1", lambda value: 0 <= value <= 1)
BELOW_1 = _number("at least 0 and below 1", lambda value: 0 <= value < 1)
BETWEEN = _number("above 0 and below 1", lambda value: 0 < value < 1)
ANY = Bounds("anything", lambda value: True)


class Hyper(NamedTuple):
    """A hyper-parameter: its default, the source of the default, and its allowed values.

    `at_least` names the field of Run that is its lower bound, for example the batch size, except
    for 0. `needs` names the hyper-parameter without which it does nothing."""

    default: Scalar
    source: str
    bounds: Bounds = POSITIVE
    at_least: str | None = None
    needs: str | None = None
    later: bool = False  # came after runs were stored: the default is left out of a run's key


class Method(NamedTuple):
    """A registered regularizer or objective: `where` is "module:Class" under `methods`."""

    where: str
    label: str
    source: str
    revision: int
    hyper: dict[str, Hyper]
    priors: tuple[str, ...] = ("sphere", "gaussian")  # to which it can match codes
    weighted: bool = True  # by the run's `lam`


SPHERE, GAUSSIAN = ("sphere",), ("gaussian",)

OBJECTIVES: dict[str, Method] = {  # whole losses, not a penalty beside a reconstruction
    "svae": Method("svae:SVAE", "S-VAE", "Davidson et al. 2018", 1, {}, SPHERE, weighted=False),
    "vae": Method(
        "vae:VAE", "VAE", "Kingma and Welling 2013; beta: Higgins et al. 2017", 1, {
            "beta": Hyper(1.0, "Kingma and Welling 2013", NOT_NEGATIVE)},
        GAUSSIAN, weighted=False),
    "rae": Method(
        "rae:RAE", "RAE", "Ghosh et al. 2020, arXiv 1903.12436, RAE-L2", 1, {
            "decay": Hyper(1e-6, "ours: Ghosh et al. choose it for each data set", NOT_NEGATIVE)},
        priors=())}  # sampled from a mixture fitted to its codes: only measures of that apply

MEMORY = {  # of a regularizer that can have MoCA's
    "memory": Hyper(0, "ours: none; MoCA's K tells the loss from the memory", NOT_NEGATIVE,
                    at_least="batch", later=True),
    "m0": Hyper(0.0, "ours: codes as they were; above 0, a momentum encoder's, as MoCA's", SHARE,
                needs="memory", later=True)}

METHODS: dict[str, Method] = {
    "moca": Method(
        "contrastive:Contrastive", "MoCA", "MoCA paper, Algorithm 1", 1, {
            "tau": Hyper(0.05, "MoCA Appendix A (CIFAR-10, CelebA)"),
            "K": Hyper(30000, "MoCA Appendix A (CIFAR-10); K >= B, Section 3", at_least="batch"),
            "m0": Hyper(0.99, "MoCA Appendix A", SHARE),
            "mask_self": Hyper(False, "ours: drop an image's own stale keys from its negatives",
                               ANY),
            "decoupled": Hyper(False, "ours: the positive stays out of the denominator", ANY)},
        SPHERE),
    "repulsion": Method(
        "contrastive:Repulsion", "MoCA, no positive", "MoCA paper, Section 3, without L_align", 1, {
            "tau": Hyper(0.05, "MoCA Appendix A (CIFAR-10, CelebA)"),
            "K": Hyper(30000, "MoCA Appendix A (CIFAR-10); K >= B, Section 3", at_least="batch"),
            "m0": Hyper(0.99, "MoCA Appendix A", SHARE)}, SPHERE),
    "uniformity": Method(
        "uniformity:Uniformity", "Uniformity", "MoCA paper, Eq. 4 and 5, without momentum", 1, {
            "tau": Hyper(0.05, "MoCA Appendix A"),
            "variant": Hyper("loo", "ours: j = i left out, a constant e^(1/tau) otherwise",
                             Bounds("one of loo, literal", ("loo", "literal").__contains__))},
        SPHERE),
    "mmd": Method(
        "mmd:MMD", "MMD", "Tolstikhin et al. 2018, wae.py mmd_penalty", 1, MEMORY),
    "swd": Method(
        "swd:SlicedWasserstein", "SWD", "Kolouri et al. 2018", 1, {
            "projections": Hyper(50, "SWAE notebooks, L = 50"), **MEMORY}),
    "sinkhorn": Method(
        "sinkhorn:Sinkhorn", "Sinkhorn", "debiased Sinkhorn divergence, geomloss", 1, {
            "eps": Hyper(1.0, "ours: half the mean squared distance on the unit sphere"),
            "debias": Hyper(True, "Feydy et al. 2019", ANY),
            "scaling": Hyper(0.5, "geomloss default", BETWEEN)}),
    "sae": Method(
        "sinkhorn:SharpSinkhorn", "Sinkhorn (SAE)", "Patrini et al. 2020, Algorithm 1", 1, {
            "eps": Hyper(0.1, "ours: a twentieth of the mean squared distance on the sphere"),
            "iterations": Hyper(50, "ours: the SAE paper's L is not known to us")}),
    "gan": Method(
        "gan:GAN", "GAN", "Tolstikhin et al. 2018, wae.py gan_penalty", 1, {
            "hidden": Hyper(1024, "WAE configs.py, CelebA; 512 on MNIST"),
            "layers": Hyper(4, "WAE models.py z_adversary", NOT_NEGATIVE),
            "critic_lr": Hyper(1e-3, "WAE configs.py, CelebA; 5e-4 on MNIST"),
            "critic_beta1": Hyper(0.5, "WAE configs.py, Adam", BELOW_1)}),
    "cramer-wold": Method(
        "cramer_wold:CramerWold", "Cramer-Wold", "Knop et al. 2018", 1, {
            "log": Hyper(True, "CWAE trains on log(CW + 1e-7)", ANY)}),
    "sigreg": Method(
        "sigreg:SIGReg", "SIGReg", "LeJEPA, arXiv 2511.08544, Algorithm 1", 1, {
            "projections": Hyper(256, "LeJEPA, Algorithm 1: 256 slices")}),
    "ssw": Method(
        "ssw:SphericalSlicedWasserstein", "Spherical SWD", "Bonet et al. 2023, arXiv 2206.08780", 1,
        {"projections": Hyper(200, "Bonet et al. 2023: 200 great circles")}, SPHERE),
    "koleo": Method(
        "koleo:KoLeo", "KoLeo", "Sablayrolles et al. 2019, arXiv 1806.03198; DINOv2", 1, {},
        SPHERE),
    "energy": Method("energy:Energy", "Energy distance", "Szekely and Rizzo 2013", 1, {}),
    "moments": Method(
        "moments:Moments", "Moments", "second-moment control, cf. VICReg (Bardes et al. 2022)", 1,
        {})}
