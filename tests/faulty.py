"""A method for `--with` that breaks its process as a failed GPU kernel does.

Afterwards torch.cuda.synchronize fails, and so does torch.randperm, which every training calls.
"""

import torch

from methods.base import Regularizer

HYPER = {}


def fail(*arguments, **named):
    raise torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with DSA")


class Faulty(Regularizer):
    def __init__(self, context):
        super().__init__()

    def penalty(self, step):
        if step.progress < 0.3:  # it works where it is tried before
            return step.z.square().mean()
        torch.cuda.is_initialized = lambda: True
        torch.cuda.synchronize = torch.randperm = fail
        return fail()
