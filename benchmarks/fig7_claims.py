"""What the paper says of Figure 7: C14, on the codes and not on their picture."""

from benchmarks.harness.spec.claims import Claim, Equivalence

PAPER_TAU = 0.99  # Appendix B; it gives no m0, and elsewhere .99 is m0's value (A8)
MAIN_TAU = 0.05  # Appendix A, so the other reading of A8


def comparable(arm: str, id: str, basis: str, who: str = "MoCA") -> Claim:
    """C14 for one arm; on the codes themselves, since a t-SNE picture shows what it likes."""
    return Claim(
        id, f"{who} and S-VAE tell the classes apart alike: k-NN accuracy and NMI within .03.",
        "Section 4.2, Figure 7", Equivalence(("knn10_accuracy", "nmi"), arm, "svae", 0.03), basis)


def claims(scale: str) -> tuple[Claim, ...]:
    """C14 as Appendix B has it, and at the main experiments' temperature."""
    return tuple(comparable(f"moca[tau={tau:g}]", f"C14[tau={tau:g}]", basis)
                 for tau, basis in ((PAPER_TAU, "paper"), (MAIN_TAU, "sensitivity")))
