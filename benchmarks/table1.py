"""Table 1: scores of samples on CelebA, by regularizer."""

from dataclasses import replace

from benchmarks.harness.spec.artefact import Arm, Artefact
from benchmarks.harness.spec.claims import Claim, Ordering, Range
from benchmarks.harness.spec.run import Run
from benchmarks.recipes import CELEBA, TableRow
from benchmarks.score_table import Ranking, deeper, size_claim

BEATEN = ("mmd gaussian", "sae", "swd gaussian", "cramer-wold gaussian")  # their authors' priors
RANKING = Ranking(
    "table1", CELEBA, architectures=("a1",),
    # the paper copied most from other publications, with other networks and reference sets
    cited={"mmd gaussian[A1]": 55.0, "gan gaussian[A1]": 42.0, "sae[A1]": 56.0,
           "swd gaussian[A1]": 79.0, "cramer-wold gaussian[A1]": 49.69, "moca[A1]": 48.43,
           "moca[A2]": 44.59},
    own=(("a1", TableRow("mmd gaussian", "mmd", "gaussian"), 500.0),  # WAE's code, in our loss
         ("a1", TableRow("cramer-wold gaussian", "cramer-wold", "gaussian"), 5.0)),  # CWAE's code
    left_out={"mini": ("moca[A1,tuned]", "mmd sphere[A1]", "gan sphere[A1]", "sinkhorn[A1]",
                       "uniformity[A1]", "lam=0 gaussian[A1]", "mmd gaussian[A1,lam=500]",
                       "swd gaussian[A1]", "cramer-wold gaussian[A1]",
                       "cramer-wold gaussian[A1,lam=5]")},
    until_tuned="table2")
NARROW = "moca[A1,d=64]"
PARAMETERS = ({4: 38_644_867, 8: 44_985_475}, 24_441_219)  # of A1 by its decoder's start; of A2


def arms(scale: str) -> tuple[Arm, ...]:
    """The table's arms, and A1 with the latent dimension that the paper found too small."""
    narrow: dict[str, Run] = {NARROW: replace(CELEBA.template(scale, "a1"), dim=64)}
    return RANKING.arms(scale, narrow)


def claims(scale: str) -> tuple[Claim, ...]:
    """C13, C15, C16, C18 and C19."""
    main = tuple((arm, 20.0, 30.0) for arm in ("moca[A1]", "moca[A2]"))
    return (
        *RANKING.better(scale, "C15", "MoCA-A1 has a lower FID than WAE-MMD, Sinkhorn AE, SWAE and "
                        "CWAE.", "moca", BEATEN, "paper"),
        *RANKING.better(scale, "C15[WAE-GAN]", "WAE-GAN has a lower FID than MoCA-A1.",
                        "gan gaussian", ("moca",), "paper"),
        *deeper("C16[CelebA]", RANKING.place),
        Claim("C13[final]", "The reconstruction error of the main models ends at about 25.",
              "Section 4.2", Range("train_reconstruction", main), scales=("paper",)),
        size_claim("C18[CelebA]", *PARAMETERS),
        Claim("C19", "With 64 latent dimensions A1 keeps a reconstruction error more than 20 % "
              "larger than with 128.", "Appendix A",
              Ordering("log_test_reconstruction", ("moca[A1]",), (NARROW,), at_least=0.182)))


ARTEFACT = Artefact(
    name="table1", caption="Scores of samples on CelebA by regularizer, prior and architecture",
    place="Table 1, Section 4.4", figure="score_table", seeds={"paper": 3, "mini": 1, "smoke": 1},
    arms=arms, template=CELEBA.moca, settings=CELEBA.settings, table=RANKING.table, claims=claims,
    claim_for=RANKING.lowest, ambiguities=CELEBA.ambiguities, measures=RANKING.measures)
