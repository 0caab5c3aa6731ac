"""CIFAR-10 as the paper trains on it (Appendix A)."""

from benchmarks.recipes import Images

CIFAR10 = Images(
    name="cifar10",
    n_train={"paper": 50_000, "mini": 10_000, "smoke": 192},
    n_eval={"paper": 10_000, "mini": 2000, "smoke": 48},
    queue={"paper": 30_000, "mini": 6000, "smoke": 96},  # then in proportion to n_train
    width={"paper": None, "mini": 1 / 8, "smoke": 1 / 16},
    epochs={"a1": {"paper": 40, "mini": 6, "smoke": 2},
            "a2": {"paper": 100, "mini": 6, "smoke": 2}},
    halve={"a2": {"paper": 60, "mini": 4}},  # once, which is the same (A26)
    lam={"a1": 2000.0, "a2": 100.0},
    ambiguities=("A3", "A4", "A5", "A6", "A8", "A9", "A19", "A20", "A21", "A22", "A24", "A25",
                 "A26", "A29", "A31", "A33"),
)
