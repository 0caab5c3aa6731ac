"""Claims of no single artefact: C31, decided by `speed`, and C33, derived from other verdicts."""

from benchmarks.harness.spec.claims import BySpeed, Claim

QUEUE, DIRECT = "MoCA: key encoder and queue of K", "L_neg: K images, gradient through all"
CLAIMS = tuple(
    Claim(f"C31[{kind}]", "With more negatives than a batch holds, L_neg taken directly costs "
          f"more {kind} than a momentum encoder and a queue.", "Section 3", BySpeed())
    for kind in ("time", "memory"))
PARTS = {  # METHODS.md section 6: all of these must hold, whatever is read into each
    "C33[faster]": ("MoCA's latent distribution converges faster to the prior.", ("C1", "C6")),
    "C33[stable]": ("MoCA is the more stable of the two: a larger lambda helps it and not always "
                    "WAE-MMD.", ("C5", "C8"))}
