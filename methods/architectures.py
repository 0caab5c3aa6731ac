"""The registry of encoders and decoders by architecture name."""

from methods.dcgan import a1
from methods.mlp import mlp
from methods.networks import Architecture
from methods.residual import residual
from methods.resnet import a2
from methods.small import small

ARCHITECTURES: dict[str, Architecture] = {
    "mlp2": mlp(1, 1),  # "a 2 layer MLP", Section 4.1; width and ReLU are ours (A17)
    "mlp3": mlp(3, 2),  # hidden layers of encoder and decoder, 128 units: Appendix B
    "a1": a1,
    "a2": a2,
    "residual": residual,
    "small": small}  # ours: 214,608 parameters on MNIST at d = 32, 208,440 at d = 8
