"""The report without a browser: counts, comparisons, missing numbers, exports."""

import csv
import hashlib
import re
import shutil
import subprocess
import time

from busy import metered
from conftest import ROOT
import numpy as np
from pages import HOSTILE, TOP, gathered, hostile, rewritten
import pytest
from scipy.stats import t

from benchmarks import ARTEFACTS, TUNINGS
from benchmarks.ambiguities import AMBIGUITIES
from benchmarks.harness.analysis.statistics import STATISTICS
from benchmarks.harness.analysis.verdicts import effects
from benchmarks.harness.command import main
from benchmarks.harness.errors import UsageError
from benchmarks.harness.results.read import GROUPS
from benchmarks.harness.results.rows import read_csv
from benchmarks.harness.spec.claims import VERDICTS
from benchmarks.report.collect import changes
from benchmarks.report.export import latex, markdown
from benchmarks.report.findings import opened, written
from benchmarks.report.page import render
from benchmarks.report.table_view import values

RESULTS = ROOT / "results"
TOP_MINI = "fig3-isotropy"
TUNED = [grid.name for grid in TUNINGS.values()]


def ask(capsys, place, *words):
    status = main.main(["report", *words, *place.options])
    return status, capsys.readouterr()


def test_committed_results_make_one_small_reproducible_page(place):
    place.results = place.folder / "copied"
    shutil.copytree(RESULTS, place.results, ignore=shutil.ignore_patterns("*.html", "custom"))
    pages = []
    for _ in range(2):
        assert metered(place.command("report"), place.folder).work < 50
        pages.append((place.results / "report.html").read_bytes())
        time.sleep(1)  # a time of day would show
    assert pages[0] == pages[1]
    assert len(pages[0]) < 8e6
    assert str(place.folder).encode() not in pages[0]


def test_page_counts_equal_claims_csv(place):
    found = gathered(place, results=RESULTS)
    for scale in ("paper", "mini"):
        top = RESULTS if scale == "paper" else RESULTS / "mini"
        there = [row["verdict"] for name in (*ARTEFACTS, *TUNED)
                 if (top / name / "claims.csv").exists()
                 for row in csv.DictReader((top / name / "claims.csv").read_text().splitlines())
                 if row["role"] == "verdict"]
        there += {(row["claim"], row["verdict"]): row["verdict"]  # once if machines agree
                  for speed in found.speed for row in speed.claims
                  if speed.scale == scale and row["role"] == "verdict"}.values()
        there += [claim.row["verdict"] for claim in found.judged[scale].derived]
        # C18 counts the parameters of networks that were not trained, C35 needs no run
        there += (["depends on the reading"] * 2 + ["reproduced"]) * (scale == "paper")
        told = [claim.row["verdict"] for claim in found.verdicts(scale)]
        table = re.search(rf"<caption>Verdicts at {scale} scale.*?</table>", render(found), re.S)
        for verdict in ("reproduced", "contradicted", "inconclusive", "depends on the reading"):
            assert told.count(verdict) == there.count(verdict)
            (line,) = [line for line in table[0].split("<tr>") if f"</span> {verdict}<" in line]
            shown = [int(each) for each in re.findall(r'class="number">(\d+)<', line)]
            assert sum(shown) == there.count(verdict)


def test_verify_readme_findings_and_page_count_alike(place, capsys):
    """Each claim once, by the same words in the same groups."""
    main.main(["verify", "--results-dir", str(RESULTS), "--cache-dir", str(place.cache)])
    said = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines()
                if line.startswith(tuple(GROUPS)))
    page = render(gathered(place, results=RESULTS))
    table = re.search(r"<caption>Verdicts at paper scale.*?</table>", page, re.S)[0]
    columns = np.array([re.findall(r'class="number">(\d+)<', line)
                        for line in table.split("<tr>")[2:]], int).T
    findings, readme = (path.read_text() for path in (RESULTS / "FINDINGS.md", ROOT / "README.md"))
    for (title, counted), column in zip(said.items(), columns, strict=True):
        numbers = [int(number) for number in re.findall(r"(\d+) ", counted)]
        assert counted == ", ".join(f"{count} {word}" for count, word in
                                    zip(numbers, VERDICTS, strict=True))
        row = re.search(rf"^\| {title} \|(.*)\|$", findings, re.M)[1]
        assert [int(number) for number in row.split("|")] == numbers == column.tolist()
    paper = said["the paper's claims"]
    assert [f"{count} {word}" for count, word in re.findall(
        r"^\*\*(\d+) (.*?)\*\*", readme, re.M)] == paper.split(", ")
    total = sum(map(int, re.findall(r"\d+", paper)))
    assert f"Of {total} claims of the paper, judged at its own scale" in readme


def test_page_without_results_has_no_verdict(place):
    found = gathered(place)
    verdicts = {claim.row["claim"]: claim.row["verdict"] for claim in found.verdicts("paper")}
    counts = {"C18", "C18[CelebA]", "C34", "C35"}  # they need no run
    assert {verdicts[id] for id in verdicts.keys() - counts} == {"not run", "not testable here"}
    assert found.verdicts("mini") == []
    assert found.cost.runs == 0
    page = render(found)
    assert page.count("Not run. Nothing below this line") == len(ARTEFACTS)
    assert "0 of 25 artefacts complete" in page


def test_missing_number_is_explained_in_its_cell():
    lines = (RESULTS / TOP / "data.csv").read_text().splitlines()
    header = lines[0].split(",")
    hole = lines[1].split(",")
    for k, name in enumerate(header):
        if name.endswith(("_mean", "_std", "_low", "_high")):
            hole[k] = ""
        if name in ("missing", "n"):
            hole[k] = "1" if name == "missing" else "0"
    table = values(list(csv.DictReader([lines[0], ",".join(hole), *lines[2:]])))
    seeds = table.header.index("seeds")
    assert table.rows[0][seeds].text == "1 missing"
    assert {cell.text for cell in table.rows[0][seeds + 2:]} == {"not run"}
    assert all(cell.lacks for cell in table.rows[0][seeds + 2:])


ROW = {"scale": "paper", "dataset": "cifar10", "arm": "moca", "n": "3", "missing": "0",
       "fid_mean": "60.5", "fid_low": "58", "fid_high": "63", "fid_std": "1", "cited_fid": "61.49"}


@pytest.mark.parametrize(("change", "said"), [
    ({}, ["60.5 [58, 63]", "61.49", "-0.99 (in our interval)"]),
    ({"fid_low": "60", "fid_high": "61"},
     ["60.5 [60, 61]", "61.49", "-0.99 (outside our interval)"]),
    ({"fid_low": "", "fid_high": "", "n": "1"}, ["60.5", "61.49", "-0.99 (one seed)"]),
    ({"method": "mmd"}, ["60.5 [58, 63]", "61.49", "not compared: copied from another paper"]),
    ({"scale": "mini"}, ["60.5 [58, 63]", "61.49", "not compared: another scale"]),
    ({"fid_mean": ""}, ["not measured", "61.49", "not measured"]),
    ({"cited_fid": ""}, ["60.5 [58, 63]", "none given", ""])])
def test_paper_number_is_shown_beside_ours(change, said):
    table = values([ROW | {"method": "moca"} | change, ROW | {"method": "moca"}])
    assert [cell.text for cell in table.rows[0][table.header.index("fid"):]] == said


def test_every_ambiguity_is_explained_and_every_variation_has_arms():
    explained = [each.id for each in AMBIGUITIES]
    assert explained == [f"A{k}" for k in range(1, 34)]
    for artefact in ARTEFACTS.values():
        assert set(artefact.ambiguities) <= set(explained)
    for variation in (each for one in AMBIGUITIES for each in one.variations):
        arms = {arm.name for arm in ARTEFACTS[variation.artefact].arms("paper")}
        assert {variation.arm, variation.other} <= arms
        assert variation.statistic in STATISTICS


def test_variation_shows_the_paired_difference():
    rows = read_csv((RESULTS / "fig7-tsne" / "runs.csv").read_text())
    variations = [v for each in AMBIGUITIES for v in each.variations
                  if v.artefact == "fig7-tsne" and v.statistic == "nmi"]
    (effect,) = effects(variations, {("fig7-tsne", "paper"): rows})
    last = rows.dropna(subset="nmi").pivot_table(index="seed", columns="arm", values="nmi")
    pairs = (last["moca[tau=0.99]"] - last["moca[tau=0.05]"]).to_numpy()
    low, high = t.interval(0.95, len(pairs) - 1, pairs.mean(),
                           pairs.std(ddof=1) / np.sqrt(len(pairs)))
    assert effect.difference.n == len(pairs) > 2
    np.testing.assert_allclose([effect.difference.estimate, effect.difference.low,
                                effect.difference.high], [pairs.mean(), low, high], rtol=1e-9)


def test_failed_run_is_shown_with_the_end_of_its_log(place):
    hostile(place)
    failure, *_ = gathered(place).failures
    assert (failure.arm, failure.status) == ("moca[lam=0]", "failed")
    assert HOSTILE in failure.log
    assert len(failure.log.splitlines()) == 12
    page = render(gathered(place))
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_exported_files_match_the_manifest(place, capsys, tmp_path):
    place.results, folder = RESULTS, tmp_path / "out"
    status, said = ask(capsys, place, "--export", str(folder))
    assert status == 0, said.err
    checked = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "manifest.sha256"],
                             cwd=folder, check=False)
    assert checked.returncode == 0
    names = {line.split()[1] for line in (folder / "manifest.sha256").read_text().splitlines()}
    assert names | {"manifest.sha256"} == {path.name for path in folder.iterdir()}
    for kind in ("data", "claims"):
        copied = (folder / f"fig1-synthetic-paper.{kind}.csv").read_bytes()
        assert copied == (RESULTS / "fig1-synthetic" / f"{kind}.csv").read_bytes()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    stale = folder / "old-paper.md"
    stale.write_text("of an artefact that is gone")
    with (folder / "manifest.sha256").open("a") as file:
        file.write(f"{hashlib.sha256(stale.read_bytes()).hexdigest()}  {stale.name}\n")
    assert ask(capsys, place, "--export", str(folder))[0] == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_exported_tables_escape_their_content():
    header, rows = ["arm", "fid"], [["100% of_x & $y$ #1 {a} ~ \\ ^ <b> | `c` *d*", "λ"], ["q", ""]]
    text = latex(header, rows, "50 % of A_1")
    body = text.split("\\midrule")[1].split("\\bottomrule")[0].strip().splitlines()
    assert [len(re.findall(r"(?<!\\)&", line)) for line in body] == [1, 1]
    assert not re.search(r"(?<!\\)[%#_]", text.split("\n", 1)[1])
    assert "50 \\% of A\\_\\allowbreak{}1" in text
    lines = markdown(header, rows, "caption").splitlines()
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines[:4]] == [3, 3, 3, 3]
    assert "<b>" not in lines[2]


def test_table_too_wide_for_a_page_is_split_to_its_width():
    header = ["claim", "estimate", "says"]
    text = latex(header, [["C1", "1.5", "word " * 60], ["C2", "x" * 20, ""]], "wide")
    assert "longtable" in text
    assert "{tabular}" not in text
    shares = [float(share) for share in re.findall(r"p\{([.\d]+)\\linewidth\}", text)]
    assert shares == sorted(shares)
    assert len(set(shares)) == 3
    assert sum(shares) + 2 * 0.01 * len(shares) == pytest.approx(1, abs=0.002)
    assert "longtable" not in latex(header, [["C1", "1.5", "a word"]], "narrow")


def test_bf16_changes_equal_the_paired_differences(place):
    name, score = "fig8-reconstruction", "test_reconstruction"
    whole = RESULTS / "mini" / name
    assert changes(place.results) == []
    shutil.copytree(whole, place.results / "mini" / name)
    half = place.results / "bf16" / "mini" / name
    shutil.copytree(whole, half)
    rows = read_csv((whole / "runs.csv").read_text())
    ends = rows[rows[score].notna()]
    factors = 1 + 0.01 * np.arange(len(ends))  # the first run is left unchanged
    rows.loc[ends.index, score] = ends[score] * factors
    rows.to_csv(half / "runs.csv", index=False, lineterminator="\n")
    said = (half / "claims.csv").read_text()
    (half / "claims.csv").write_text(said.replace("C21[test],reading,paper", "C0,reading,paper"))
    found, = changes(place.results)
    by_arm = ends.groupby("arm")[score]
    assert (found.arms, found.seeds) == (by_arm.ngroups, ends["seed"].nunique())
    assert found.mean == pytest.approx(factors.mean() - 1)
    assert (found.least, found.most) == pytest.approx((0, factors[-1] - 1))
    assert found.spread == pytest.approx((by_arm.std() / by_arm.mean()).mean())
    assert found.verdicts == ["C21[test]"]


def test_command_line_mistake_prints_one_line(place, capsys, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    place.results.mkdir()
    for words, said in (
            (["--export", str(full)], "holds other files"),
            (["--serve", "nowhere"], "takes PORT or HOST:PORT"),
            (["--serve", "99999"], "cannot listen"),
            (["--serve", "127.0.0.1:0", "--export", str(full)], "one of --serve and --export"),
            (["fig1"], "report takes no names")):
        status, told = ask(capsys, place, *words)
        assert status == 2, words
        assert said in told.err
        assert len(told.err.splitlines()) == 1
    assert main.main(["fig1", "--serve", *place.options]) == 2
    assert "--serve goes with report" in capsys.readouterr().err
    assert [path.name for path in full.iterdir()] == ["thesis.tex"]


def test_custom_results_are_shown_apart_from_declared_ones(place):
    """A failed run of another data set takes neither the log nor the row of the declared one."""
    folder = hostile(place)
    shutil.copytree(folder, place.results / "custom" / TOP)
    found = gathered(place)
    alone = gathered(place, scales=("mini",))
    assert len(found.sections["fig8-reconstruction"]) == 3  # not run, mini, and by hand
    rows = csv.DictReader((folder / "claims.csv").read_text().splitlines())
    assert len(found.verdicts("mini")) == [row["role"] for row in rows].count("verdict")
    logs = {each.custom: each.log for each in alone.failures if each.seed == "0"}
    assert HOSTILE in logs[False]
    assert logs[True] == ""


def test_command_shown_with_results_covers_all_their_seeds(place):
    folder = place.results / "mini" / TOP_MINI
    shutil.copytree(RESULTS / "mini" / TOP_MINI, folder)
    for more, asked in ((0, ""), (1, " --seeds {}")):
        declared = ARTEFACTS[TOP_MINI].seeds["mini"]
        header, *lines = (RESULTS / "mini" / TOP_MINI / "runs.csv").read_text().splitlines()
        k = header.split(",").index("seed")
        one = [line.split(",") for line in lines if line.split(",")[k] == "0"]
        rows = [",".join([*line[:k], str(seed), *line[k + 1:]])
                for seed in range(declared + more) for line in one]
        (folder / "runs.csv").write_text("\n".join([header, *rows, ""]))
        (block,) = [each for each in gathered(place).blocks if each.results.runs]
        command_line = f"python bench.py {TOP_MINI} --scale mini" + asked.format(declared + more)
        assert (block.command, block.seeds) == (command_line, declared + more)


def test_diverged_run_is_not_called_unmeasured_or_complete():
    row = ROW | {"method": "moca", "fid_mean": "", "fid_low": "", "n": "0", "diverged": "3"}
    table = values([row, ROW | {"method": "moca", "diverged": "0"}])
    cells = dict(zip(table.header, table.rows[0], strict=True))
    assert (cells["seeds"].text, cells["fid"].text) == ("3 diverged", "diverged")
    curve = {"scale": "paper", "arm": "moca", "n": "5", "diverged": "5", "missing": "0",
             "swd_mean": "1", "swd_low": "", "swd_high": "", "swd_std": ""}
    table = values([curve | {"epoch": "0"}, curve | {"epoch": "1"}])
    assert table.rows[0][table.header.index("seeds")].text == "5 diverged"


def test_corrupt_results_are_named(place, capsys):
    folder = hostile(place)
    (folder / "provenance.json").write_text("{")
    status, said = ask(capsys, place)
    assert status == 2
    assert "provenance.json is corrupt" in said.err
    assert not (place.results / "report.html").exists()


def test_findings_follow_from_the_results(place):
    report = gathered(place, results=RESULTS)
    assert written(report, "findings.md") == (RESULTS / "FINDINGS.md").read_text()
    readme = (ROOT / "README.md").read_text()
    assert opened(readme, report) == readme


def test_committed_findings_are_generated(place, capsys):
    """Every number of a claim follows its table."""
    shutil.copytree(RESULTS, place.results, ignore=shutil.ignore_patterns("*.html", "custom"))
    claims = place.results / "fig1-synthetic" / "claims.csv"
    marked = iter(range(10**9))

    def change(row, name, text):
        numbers = (("estimate", "low", "high") if row["role"] in ("verdict", "reading")
                   else ())
        return f"{7_000_000 + next(marked)}" if name in numbers and text else text

    rewritten(claims, change)
    assert main.main(["findings", *place.options]) == 0
    text = (place.results / "FINDINGS.md").read_text()
    block = opened((ROOT / "README.md").read_text(), gathered(place))
    for row in csv.DictReader(claims.read_text().splitlines()):
        if row["role"] in ("verdict", "reading") and row["estimate"]:
            for found in (text, block):
                (line,) = [line for line in found.splitlines()
                           if line.startswith(f"| {row['claim']} |")]
                assert line.count("7e+06") == 3 - 2 * (row["low"] == "")
    assert (ROOT / "README.md").read_text() != block


def test_readme_without_the_findings_block_is_named(place):
    with pytest.raises(UsageError, match="0 blocks of findings, not one"):
        opened("# A README of its own", gathered(place, results=RESULTS))
