"""Gaps in the paper (A1 to A33): the question, our choice, and variations of it."""

from benchmarks.harness.spec.artefact import Ambiguity, Variation

FIG1, FIG2, FIG7, TABLE2 = "fig1-synthetic", "fig2-convergence", "fig7-tsne", "table2"
COLD, WARM = "moca[tau=0.05]", "moca[tau=1]"

TEMPERATURES: tuple[Variation, ...] = (
    Variation(FIG1, "auc_log_swd", WARM, COLD, "τ = 1 in the place of .05, synthetic data"),
    Variation(FIG1, "final_swd", WARM, COLD, "τ = 1 in the place of .05, synthetic data"),
    Variation(FIG7, "nmi", "moca[tau=0.99]", COLD, "τ = .99 in the place of .05, MNIST"),
    Variation(FIG7, "knn10_accuracy", "moca[tau=0.99]", COLD,
              "τ = .99 in the place of .05, MNIST"))
TEMPERATURES += (
    Variation("fig3-isotropy", "effective_rank", "moca[lam=1000,tau=1]", "moca[lam=1000]",
              "τ = 1 in the place of .05, λ = 1000, CIFAR-10"),
    Variation("fig8-reconstruction", "test_reconstruction", "moca[lam=1000,Appendix D]",
              "moca[lam=1000]", "Appendix D's settings in the place of A's, λ = 1000, CIFAR-10"))
MOMENTUM = (Variation("table4", "fid", "m0=0.99", "m0=0.999",
                      "m0 = .99 in the place of .999, CelebA"),)
PANELS = tuple(
    Variation(FIG1, "auc_log_swd", f"{arm}{panel}", f"mmd{panel}",
              f"{words} less MMD, {panel.strip() or 'as in the main panel'}")
    for arm, words in ((COLD, "MoCA (τ = .05)"), (WARM, "MoCA (τ = 1)"))
    for panel in ("", " full batch", " uniform data"))
OWN_KEYS = (
    Variation(FIG1, "auc_log_swd", "moca[tau=0.05,mask_self]", COLD,
              "a point's own stale keys masked, τ = .05"),
    Variation(FIG1, "final_swd", "moca[tau=0.05,mask_self]", COLD,
              "a point's own stale keys masked, τ = .05"))
DENOMINATOR = (
    Variation(FIG1, "auc_log_swd", "moca[tau=0.05,decoupled]", COLD,
              "the positive out of the denominator, τ = .05"),
    Variation(FIG1, "final_swd", "moca[tau=0.05,decoupled]", COLD,
              "the positive out of the denominator, τ = .05"))
LITERAL = (
    Variation(FIG1, "auc_log_swd", "uniformity[literal]", "uniformity",
              "Eq. 5 as printed, with j = i in the sum, τ = .05"),
    Variation(FIG1, "final_swd", "uniformity[literal]", "uniformity",
              "Eq. 5 as printed, with j = i in the sum, τ = .05"))
PRIOR = (
    Variation(FIG2, "distance_at_5", "moca[lam=0]", "mmd gaussian[lam=0]",
              "at λ = 0, the sphere in the place of the Gaussian prior"),
    Variation(FIG2, "swd_image_std", "moca[lam=0]", "mmd gaussian[lam=0]",
              "at λ = 0, the sphere in the place of the Gaussian prior"),
    Variation(FIG2, "distance_at_5", "moca[lam=0]", "mmd sphere[lam=0]",
              "at λ = 0, MoCA in the place of WAE-MMD, both on the sphere"))
CHOSEN = tuple(
    Variation(TABLE2, "fd_cifar10", f"moca[{a},tuned]", f"moca[{a}]",
              f"λ chosen on validation images in the place of the paper's, {a}")
    for a in ("A1", "A2"))

AMBIGUITIES: tuple[Ambiguity, ...] = (
    Ambiguity("A1", "Eq. 2 has 1/K inside the logarithm, and Eq. 3 takes log K off again.",
              "Eq. 2, nothing taken off twice."),
    Ambiguity("A2", "The sums of Eq. 4 and 5 have the term j = i, a constant e^(1/τ).",
              "It is left out; the printed form is a variant, literal.", LITERAL),
    Ambiguity("A3", "Is the positive pair in the denominator? Eq. 6 has it there only because the "
              "queue holds the current batch; Algorithm 1 adds it.",
              "It is, as in Algorithm 1; without it is a variant, decoupled.",
              DENOMINATOR),
    Ambiguity("A4", "The key encoder's average is written as a sum that begins at zero.",
              "It begins as a copy of the encoder."),
    Ambiguity("A5", "The momentum rises to 1 at step T; what T is when training stops early is not "
              "said.", "The number of steps that were planned."),
    Ambiguity("A6", "m0 is .99 in Appendix A and .999 in Appendix D.",
              ".99 in the main runs and, on CIFAR-10, in Figure 8; .999 in Appendix D's on CelebA.",
              MOMENTUM),
    Ambiguity("A7", "Appendix D.3 names the momenta 0, .9 and .999; Table 4 has .99 too.",
              "All four."),
    Ambiguity("A8", "τ is .05 in Appendix A (1 for CelebA-HQ), 1 in Appendix D and .99 in Appendix "
              "B, and Section 4.5 says that it must be below 1; for Figures 1, 3, 4 and 8 nothing "
              "says which.", "What the text nearest to a result says; for those four .05 and, but "
              "at mini scale, 1.",
              TEMPERATURES),
    Ambiguity("A9", "The λ of Tables 1 and 2 come from a grid that does not contain all of them.",
              "Appendix A's; and a row for MoCA at a λ chosen on validation images.", CHOSEN),
    Ambiguity("A10", "Table 3's best λ are said to be linear in the input size; by their numbers "
              "they are not.", "The slope is reported, and judged against pixels."),
    Ambiguity("A11", "Figure 3 gives neither architecture nor τ.",
              "A2, m0 = .99, τ = .05; and τ = 1, see A8."),
    Ambiguity("A12", "Figure 4 gives neither data set nor architecture; it trains until the "
              "reconstruction is 50.", "CelebA, A2; the mean over an epoch of the summed squared "
              "error, for at most 200 epochs."),
    Ambiguity("A13", "Figure 4's grid of λ is given by its ends.",
              "100, 300, 1000, 3000, 10000, 30000, 100000 and 144000."),
    Ambiguity("A14", "Figure 8's grid of λ is not given.", "0, 100, 500, 1000, 3000 and 6000."),
    Ambiguity("A15", "Figure 10's grids of τ and λ are not given.",
              "τ of .05, .1, .2, .5 and 1; λ of 100, 300, 1000, 3000 and 10000."),
    Ambiguity("A16", "Figure 2's two methods differ at λ = 0, where neither has a regularizer: "
              "with one prior they would be the same.", "WAE-MMD with either prior.", PRIOR),
    Ambiguity("A17", "Figure 1 gives no law of the data, width, batch, τ, K or m0.",
              "Gaussian data, a hidden layer of 128, batches of 64, K = 1000; and a panel each for "
              "uniform data, the full batch and the temperatures.", (*OWN_KEYS, *PANELS)),
    Ambiguity("A18", "Whether the sliced distances are rooted, and over how many projections, is "
              "not said.", "Both are in the tables, over 1000 fixed projections; the root is "
              "judged."),
    Ambiguity("A19", "A1 is said to be WAE's network and to have 38 million parameters, which "
              "WAE's has only with a smaller code.", "WAE's layers; the count is a claim of its "
              "own, C18."),
    Ambiguity("A20", "A1's code on CIFAR-10 is of 64 or of 128 dimensions.",
              "128, as the text gives for A2."),
    Ambiguity("A21", "A2's head and shortcuts are not given.",
              "Those with which it has 24.4 million parameters; see C18."),
    Ambiguity("A22", "The range of the images and the decoder's last layer are not given.",
              "[0, 1], and a sigmoid."),
    Ambiguity("A23", "CelebA-HQ's queue of 30,000 is longer than its training set: every image's "
              "own old keys are among its negatives.", "Kept; what masking does on synthetic "
              "data stands at A17."),
    Ambiguity("A24", "Whether images are flipped is left to the words “do not use any "
              "augmentation”.", "They are not."),
    Ambiguity("A25", "Initial weights and weight decay are the framework's.",
              "As in torch today; no weight decay."),
    Ambiguity("A26", "Is the learning rate halved once, after 60 epochs, or every 60?",
              "Once: in 100 epochs it is the same."),
    Ambiguity("A27", "How many test images FID is taken against, on CelebA, is not said.",
              "As many as are generated, by a fixed choice."),
    Ambiguity("A28", "Table 2's number for WAE-MMD has no source.",
              "WAE-MMD is trained here; the cited number stands in a column of its own."),
    Ambiguity("A29", "Batch statistics over eight GPUs would be of eight images each.",
              "One device, batches of 64."),
    Ambiguity("A30", "Whether the distance falls with the epochs at λ = 0 too is not said.",
              "Every λ is tested."),
    Ambiguity("A31", "Figure 11's checkpoint was picked by eye.",
              "Numbers are of the last model, Figure 11's of epoch 850, as its caption says."),
    Ambiguity("A32", "Algorithm 1's shapes do not fit together as printed.",
              "One dimension is dropped."),
    Ambiguity("A33", "The reconstruction is a mean in Section 4.2 and a sum in Algorithm 1.",
              "The sum over an image: a mean could not reach the numbers of the text."))
