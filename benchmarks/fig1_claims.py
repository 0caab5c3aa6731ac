"""What the paper says of Figure 1: C1 to C3, and C28 on synthetic data."""

from benchmarks.harness.spec.claims import Claim, Ordering

BASELINES = ("mmd", "swd", "sinkhorn")  # the paper's; its contrastive line is MoCA
# Section 4.1 gives none; Appendix A has .05 for CIFAR-10 and CelebA and 1 for CelebA-HQ, all with
# m0 = .99, and Appendix D has 1
PAPER_TAUS = (0.05, 1.0)
OTHER_TAUS = (0.1, 0.2)
UNMOVED, UNALIGNED = "moca[tau=0.1,m0=0]", "repulsion[tau=0.1]"  # C28


def needed(id: str, what: str, arm: str) -> Claim:
    """C28 for what MoCA is trained without, at the temperature at which it is fastest."""
    return Claim(id, f"Without {what} the codes come to the prior more slowly, or not at all.",
                 "Section 3",
                 Ordering("auc_log_swd", ("moca[tau=0.1]",), (arm,), or_diverges=True), "ours")


def faster(arm: str, id: str, basis: str, who: str = "The contrastive objective") -> Claim:
    """C1 for one arm: below every baseline of the paper."""
    return Claim(
        id, f"{who} converges faster than MMD, SWD and Sinkhorn.",
        "Section 4.1, Figure 1",
        Ordering("auc_log_swd", (arm,), BASELINES, beside=("epochs_to_twice_floor",)), basis)


def claims(scale: str) -> tuple[Claim, ...]:
    """By the main panel; C28 and the other temperatures by the one of temperatures."""
    return (
        *(faster(f"moca[tau={tau:g}]", f"C1[tau={tau:g}]", "paper") for tau in PAPER_TAUS),
        *(faster(f"moca[tau={tau:g}]", f"C1[tau={tau:g}]", "sensitivity") for tau in OTHER_TAUS),
        Claim("C2", "Of the baselines, MMD matches the prior best.", "Section 4.1",
              Ordering("auc_log_swd", ("mmd",), ("swd", "sinkhorn"))),
        Claim("C3", "SWD as a loss ends worse than some other loss when judged by SWD.",
              "Section 4.1, footnote 1",
              Ordering("final_swd", ("moca[tau=0.05]", "moca[tau=1]", "mmd", "sinkhorn"), ("swd",),
                       quantifier="any")),
        needed("C28[momentum]", "a momentum encoder (m0 = 0)", UNMOVED),
        needed("C28[positive]", "the positive term", UNALIGNED),
    )
