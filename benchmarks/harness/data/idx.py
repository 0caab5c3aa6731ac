"""The IDX format of MNIST's files: bytes, packed or not, to an array."""

import gzip
from math import prod
import zlib

import numpy as np

from benchmarks.harness.errors import UsageError

BYTES = 8  # the format's code for unsigned bytes, the only type that MNIST has
HEADER_WORDS = {1: 2, 3: 4}  # dimensions of the array -> 32-bit words before its bytes


def unzipped(data: bytes, name: str) -> bytes:
    """The content of a gzip file; raises UsageError, naming it, if that is damaged."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{name} is a damaged gzip file ({error}); fetch it again") from None


def array(data: bytes, name: str, dimensions: int) -> np.ndarray:
    """The uint8 array of an IDX file; raises UsageError, naming it, if the bytes are no such."""
    words = HEADER_WORDS[dimensions]
    if len(data) < 4 * words or data[:4] != bytes((0, 0, BYTES, dimensions)):
        raise UsageError(f"{name} is no IDX file of {dimensions} dimensions: it begins with "
                         f"{data[:4]!r}")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", words - 1, offset=4))
    expected = 4 * words + prod(shape)
    if len(data) != expected:
        trouble = "truncated" if len(data) < expected else "too long"
        raise UsageError(f"{name} is {trouble}: it has {len(data)} bytes, its header announces "
                         f"{expected}")
    return np.frombuffer(data, np.uint8, offset=4 * words).reshape(shape)
