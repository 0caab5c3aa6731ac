"""The command line: correct commands, mistakes, damaged files, published tables."""

import csv
import re
import shlex
import shutil
import subprocess
import sys

from busy import metered
from conftest import ROOT, Place, finished
import pytest

from benchmarks import ARTEFACTS
from benchmarks.harness.command import main
from benchmarks.harness.spec.selection import select
from benchmarks.harness.store import checkpoints
from benchmarks.harness.store.run_folder import Store

METHOD = """
from methods.base import Regularizer

HYPER = {"power": 2.0}

class Mine(Regularizer):
    def __init__(self, context, *, power: float):
        super().__init__()
        self.power = power

    def penalty(self, step):
        return step.z.mean(0).norm() ** self.power
"""
# later than the command tries it
FAILS_LATE = METHOD.replace("step.z.", "(step.z if step.progress < 0.5 else step.no_such_field).")


def ask(capsys, place, *words):
    """Exit status and the lines on stderr of the command run in this process."""
    status = main.main(["--scale", "smoke", "--cluster", "debug", *place.options, *words])
    return status, capsys.readouterr().err.strip().splitlines()


MISTAKES = {
    ("fig1-syntetic",): "did you mean 'fig1-synthetic'?",
    ("plam", "fig1"): "did you mean 'plan'?",
    ("plan", "fig29"): "unknown artefact",
    ("fig1", "--scale", "smok"): "did you mean 'smoke'?",
    ("fig1", "--cluster", "locale"): "did you mean 'local'?",
    ("fig1", "--methods", "mda"): "did you mean 'mmd'?",
    ("fig1", "--methods", ""): "unknown method ''",
    ("fig1", "--methods", "moca:taw=0.1"): "did you mean 'tau'?",
    ("fig1", "--methods", "moca:tau=warm"): "moca:tau takes a number such as 0.05, not 'warm'",
    ("fig1", "--methods", "moca:K=10"): "moca:K=10 is below batch = 64",
    ("fig1", "--methods", "moca:tau=nan"): "moca:tau must be finite",
    ("fig1", "--methods", "moca:tau=0.2:tau=0.3"): "moca:tau is set twice",
    ("fig1", "plan"): "the command comes first: bench.py plan",
    ("all", "fig1", "status"): "the command comes first: bench.py status",
    ("plan", "all", "fgi1"): "did you mean 'fig1'?",
    ("plan", "Figure7"): "did you mean 'fig7'?",
    ("plan", "report"): "report is a command, not an artefact",
    ("fig1", "--methods", "moca:tau=-1"): "moca:tau must be positive, not -1.0",
    ("fig1", "--methods", "moca:m0=1.5"): "moca:m0 must be from 0 to 1, not 1.5",
    ("fig1", "--methods", "mmd:lam=-2"): "mmd:lam cannot be below 0, as -2 is",
    ("plan", "fig1", "--seeds", "99999999"): "--seeds can be 1000 at most",
    ("fig1", "--methods", "sinkhorn:scaling=1"): "scaling must be above 0 and below 1, not 1.0",
    ("fig1", "--methods", "uniformity:variant=l"): "variant must be one of loo, literal, not l",
    ("report", "--dataset", "flowers=/nowhere"): "--dataset does nothing for report",
    ("fig1", "--redraw", "--rerun"): "--redraw draws what is there and trains nothing",
    ("plan", "fig1", "--redraw"): "--redraw does nothing for plan",
    ("status", "--rerun"): "--rerun does nothing for status",
    ("report", "--methods", "mmd"): "--methods does nothing for report",
    ("speed", "--with", "mine.py"): "--with does nothing for speed",
    ("fig1", "--cache-dir", ""): "argument --cache-dir: is empty",
    ("fig1", "--device", "meta"): "--device meta cannot be used here",
    ("fig1", "--checkpoint-seconds", "nan"): "--checkpoint-seconds cannot be nan",
    ("fig1", "--methods", "moca:mask_self=yes"): "takes True or False such as False, not 'yes'",
    ("fig1", "--seeds", "0"): "--seeds must be at least 1, not 0",
    ("fig1", "--seeds", "-3"): "--seeds must be at least 1, not -3",
    ("fig1", "--seeds", "five"): "invalid int value: 'five'",
    ("fig1", "--jobs", "0"): "--jobs must be at least 1",
    ("fig1", "--sacle", "smoke"): "did you mean --scale?",
    ("fig1", "--scale"): "expected one argument",
    ("fig1", "--device", "gpu"): "--device gpu cannot be used here",
    ("fig1", "--with", "nowhere.py"): "there is no file",
    ("fig1", "--redraw"): "leave --redraw out",
    ("fig1", "--checkpoint-seconds", "-1"): "--checkpoint-seconds cannot be -1",
    ("fig1", "--wait"): "--wait goes with --cluster slurm",
    ("fig1", "--slurm", "mem=4G"): "--slurm goes with --cluster slurm",
    ("fig1", "--runs-per-job", "2"): "--runs-per-job goes with --cluster slurm",
    ("fig1", "--cluster", "slurm", "--runs-per-job", "0"): "--runs-per-job must be at least 1",
    ("fig1", "--cluster", "slurm", "--slurm", "mem"): "--slurm takes KEY=VALUE",
    ("fig1", "--cluster", "slurm", "--slurm", "time=1h"): "--slurm time=1h: not a time",
    ("fig1", "--cluster", "slurm", "--slurm", "array=0-9"): "the suite sets this itself",
    ("fig1", "--cluster", "slrum"): "did you mean 'slurm'?",
    ("cancel",): "cancel takes the names of artefacts, or all",
    ("logs",): "logs takes one run",
    ("logs", "0123"): "begin with '0123'",
    ("fig1", "collect"): "the command comes first: bench.py collect NAME...",
    ("collect", "fgi1"): "did you mean 'fig1'?",
    ("collect", "runs.tar.xz"): "take in the runs there: bench.py collect --from runs.tar.xz",
    ("collect", "--from", "runs.aa", "runs.tar.ab"): "bench.py collect --from runs.tar.ab",
    ("collect", "tests"): "bench.py collect --from tests",
    ("collect", "--from", "nowhere"): "--from: there is no file or folder nowhere",
    ("collect", "--from", "tests"): "--from: tests holds no runs; name a cache, its folder runs",
    ("collect", "--from"): "expected one argument",
    ("collect", "--from", ""): "argument --from: is empty",
    ("collect", "fig1", "--retry-failed"): "--retry-failed does nothing for collect",
    ("plan", "fig1", "--from", "runs.tar.xz"): "--from goes with collect",
    ("fig1", "--weights"): "--weights goes with pack",
    ("pack",): "bench.py pack NAME... runs.tar.xz",
    ("pack", "fig1"): "bench.py pack NAME... runs.tar.xz",
    ("pack", "runs.tar.xz"): "bench.py pack NAME... runs.tar.xz",
    ("pack", "fig1", "runs.zip"): "bench.py pack NAME... runs.tar.xz",
    ("pack", "fgi1", "runs.tar.xz"): "did you mean 'fig1'?",
    ("pack", "fig1", "nowhere/runs.tar.xz"): "pack: there is no folder nowhere",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_command_line_mistake_prints_one_line(words, capsys, place, monkeypatch):
    monkeypatch.chdir(ROOT)
    status, lines = ask(capsys, place, *words)
    assert status == 2
    assert len(lines) == 1
    assert MISTAKES[words] in lines[0]
    assert not list(place.folder.rglob("*.json"))


WRONG_FILES = {
    "this is no Python": "does not import: SyntaxError",
    "x = 1\nimport no_such_module": "line 2 does not import: ModuleNotFoundError",
    "x = 1": "no class derived from methods.base.Regularizer",
    METHOD + METHOD.replace("Mine", "Other"): "2 classes derived",
    METHOD.replace('"power": 2.0', '"powr": 2.0'): "did you mean 'power'?",
    METHOD.replace('{"power": 2.0}', "{}"): "gives no default for 'power'",
    METHOD.replace('{"power": 2.0}', "[2.0]"): "must be a dictionary",
    METHOD.replace("2.0}", "[2.0]}"): "HYPER['power'] in",
    METHOD.replace("2.0}", "float('nan')}"): "must be a number, text or truth value, not nan",
    METHOD.replace("self, context, *,", "self, *,"): "must take (self, context)",
    "raise SystemExit(0)": "does not import: SystemExit",
}


@pytest.mark.parametrize("text", WRONG_FILES, ids=range(len(WRONG_FILES)))
def test_invalid_method_file_prints_one_line(text, capsys, place):
    (place.folder / "mine.py").write_text(text)
    status, lines = ask(capsys, place, "fig1", "--with", str(place.folder / "mine.py"))
    assert (status, len(lines)) == (2, 1)
    assert WRONG_FILES[text] in lines[0]
    assert not list(place.folder.rglob("*.json"))


@pytest.mark.parametrize(("name", "message"), [
    ("mmd.py", "'mmd' is the name of a built-in method"), ("a,b.py", "use small letters"),
    ("vae.py", "'vae' is the name of a built-in method"),
    ("floor.py", "'floor' is the name of a built-in")])
def test_reserved_or_invalid_method_file_name_is_refused(name, message, capsys, place):
    (place.folder / name).write_text(METHOD)
    status, lines = ask(capsys, place, "fig1", "--with", str(place.folder / name))
    assert status == 2
    assert message in lines[0]


@pytest.mark.parametrize("name", ["nan", "007", "true"])
def test_method_name_that_pandas_would_convert_stays_text(name, place):
    (place.folder / f"{name}.py").write_text(METHOD.replace("power", "power_std"))
    done = place.bench("fig1", "--scale", "smoke", "--seeds", "1", "--cluster", "debug",
                       "--with", str(place.folder / f"{name}.py"), "--methods", name)
    assert done.returncode == 0, done.stderr
    table = (place.cache / "smoke" / "custom" / "fig1-synthetic" / "data.csv").read_text()
    assert f",{name}," in table
    assert place.bench("report", "--scale", "smoke").returncode == 0  # reads what was written


@pytest.mark.parametrize("words", [("verify",), ("report",), ("findings",)])
def test_missing_results_folder_is_named(words, place, capsys):
    assert main.main([*words, *place.options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [f"bench.py: --results-dir: there is no folder {place.results}"]
    assert not place.results.exists()


def test_missing_package_prints_one_line(place):
    place.results.mkdir()
    words = [sys.executable, "-S", str(ROOT / "bench.py"), "report", *place.options]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "lacks the package" in done.stderr


def test_two_method_files_with_one_name_are_refused(capsys, place):
    (place.folder / "sub").mkdir()
    paths = [place.folder / "mine.py", place.folder / "sub" / "mine.py"]
    for path in paths:
        path.write_text(METHOD)
    status, lines = ask(capsys, place, "fig1", "--with", str(paths[0]), "--with", str(paths[1]))
    assert status == 2
    assert "two files define a method called 'mine'" in lines[0]


def test_user_arm_equal_to_a_declared_run_is_not_added():
    artefact = ARTEFACTS["fig1-synthetic"]
    chosen = select(artefact, "smoke", 1, "moca,moca:tau=0.05,moca:tau=0.3,moca:tau=0.3", ())
    names = [arm.name for arm in chosen.arms]
    assert names.count("moca[tau=0.3]") == 1
    assert len(names) == len(set(names)) == len({arm.run for arm in chosen.arms})
    near = select(artefact, "smoke", 1, "moca:tau=0.3,moca:tau=0.30000001", ())
    assert len({arm.name for arm in near.arms}) == 2


def test_closed_stdout_pipe_is_not_an_error(place):
    words = shlex.join(place.command("list"))
    done = subprocess.run(f"{words} | true", shell=True, capture_output=True, text=True,
                          check=True)
    assert done.stderr == ""


def test_options_are_read_anywhere_in_the_command_line(fig1_sweep):
    assert fig1_sweep.bench("plan", "--scale", "smoke", "fig1").returncode == 0
    assert fig1_sweep.bench("--scale", "smoke", "plan", "fig1").returncode == 0


def test_sweep_with_only_failures_reports_them(place):
    (place.folder / "bad.py").write_text(FAILS_LATE)
    done = place.bench("fig1", "--scale", "smoke", "--seeds", "1", "--cluster", "debug", "--with",
                       "bad.py", "--methods", "bad")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "failed: bad, seed 0: AttributeError" in done.stdout
    assert "--retry-failed" in done.stdout


def test_deleted_figure_is_drawn_again(place):
    words = ("fig1", "--scale", "smoke", "--methods", "mmd", "--seeds", "1", "--cluster", "debug")
    place.bench(*words)
    figure = place.cache / "smoke" / "custom" / "fig1-synthetic" / "figure.png"
    before = figure.read_bytes()
    figure.unlink()
    assert place.bench(*words).returncode == 0
    assert figure.read_bytes() == before


@pytest.mark.parametrize("where", ["file", "/proc/nowhere"])
@pytest.mark.parametrize("option", ["--results-dir", "--cache-dir"])
def test_unwritable_folder_is_named(where, option, capsys, place):
    (place.folder / "file").touch()
    target = str(place.folder / "file") if where == "file" else where
    status, lines = ask(capsys, place, "fig1", "--scale", "paper", option, target)
    assert (status, len(lines)) == (2, 1)
    assert target in lines[0]
    assert option in lines[0]


def test_unwritable_cache_is_named_before_training(place):
    place.cache.mkdir()
    (place.cache / "runs").symlink_to("/proc/self/fdinfo")  # exists but cannot be written to
    done = place.bench("fig1", "--scale", "smoke", "--results-dir", str(place.folder / "r"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--cache-dir" in done.stderr


def test_unusable_cache_is_named_at_every_scale(capsys, place):
    (place.folder / "file").touch()
    status, lines = ask(capsys, place, "fig1", "--cache-dir", str(place.folder / "file"))
    assert (status, len(lines)) == (2, 1)
    assert "--cache-dir" in lines[0]


@pytest.mark.parametrize("damage", [
    b"", b"arm,seed\n1,2,3\n", b"\xff\xfe", b"arm,seed,epoch,status\nmmd,zero,0,done\n",
    b"arm,seed\nmmd,0\n", b'arm,seed,epoch,status\n"mmd,0,0,done\n',
    b"arm,seed,epoch,status\nmmd,0,0,done\nmmd,0,1,do",
])
def test_corrupt_committed_table_is_named_and_left_unchanged(damage, capsys, place):
    path = place.results / "fig1-synthetic" / "runs.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    status, lines = ask(capsys, place, "fig1", "--scale", "paper")
    assert (status, len(lines)) == (2, 1)
    assert "runs.csv is corrupt" in lines[0]
    assert path.read_bytes() == damage
    assert [p.name for p in path.parent.iterdir()] == ["runs.csv"]


def damaged(folder, damage):
    """Copies the committed results of Figure 1 and damages one table; returns its path."""
    shutil.copytree(ROOT / "results" / "fig1-synthetic", folder)
    data = folder / "data.csv"
    lines = data.read_text().splitlines(keepends=True)
    if damage == "cut":
        data.write_text("".join(lines[:14]))
    elif damage == "short":
        there = [k for k, line in enumerate(lines) if ",gan," in line]
        data.write_text("".join([*lines[:there[-1]], *lines[there[-1] + 1:]]))
    elif damage == "cut in mid-line":
        data.write_text("".join(lines)[:-1])
    elif damage == "no number":
        data.write_text("".join([*lines[:3], lines[3].replace(",0.", ",oops.", 1), *lines[4:]]))
    else:
        (folder / damage).unlink()
        return damage
    return "data.csv"


DAMAGES = {"cut": "it has no row of", "cut in mid-line": "line break",
           "no number": "is not a number",
           "short": "it breaks off in", "claims.csv": "it is missing"}


@pytest.mark.parametrize("words", [("verify", "fig1"), ("report",), ("fig1", "--redraw")],
                         ids=" ".join)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_are_not_judged_shown_or_drawn(damage, words, capsys, place):
    folder = place.results / "fig1-synthetic"
    name = damaged(folder, damage)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    status, lines = ask(capsys, place, *words, "--scale", "paper")
    assert (status, len(lines)) == (2, 1)
    assert str(folder / name) in lines[0]
    assert DAMAGES[damage] in lines[0]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert not (place.results / "report.html").exists()


def test_command_stops_when_every_checkpoint_is_corrupt(capsys, place):
    run = ARTEFACTS["fig1-synthetic"].arms("smoke")[0].run
    folder = Store(place.cache / "runs").folder(run.key)
    folder.write_spec(run, None)
    checkpoints.save(folder.path, b"x")
    with open(folder.path / "checkpoint.pt", "ab") as file:
        file.write(b"rubbish")
    before = {p: p.read_bytes() for p in folder.path.iterdir()}
    status, lines = ask(capsys, place, "fig1")
    assert (status, len(lines)) == (2, 1)
    assert f"run {run.key}" in lines[0]
    assert {p: p.read_bytes() for p in folder.path.iterdir()} == before


FAST = (["--help"], ["list"], ["plan", "fig1", "--scale", "smoke"],
        ["status"])


def least_work(place, probe, words):
    """The least work of three runs of the program, in yardsticks; and the last one's output."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{probe}"
    spent = [metered([sys.executable, "-c", program, *words, *place.options], place.folder)
             for _ in range(3)]
    return min(each.work for each in spent), spent[-1].said


@pytest.mark.parametrize("words", FAST, ids=" ".join)
def test_read_only_commands_are_fast_and_import_neither_torch_nor_pandas(words, fig1_sweep):
    """A bare Python takes a quarter of a yardstick; waiting costs no work, but is not allowed."""
    probe = ("import time; slow = set(); time.sleep = lambda _: slow.add('sleep')\n"
             "sys.addaudithook(lambda event, _: slow.add(event)\n"
             "    if event in ('subprocess.Popen', 'socket.connect') else None)\n"
             "from benchmarks.harness.command.main import main\n"
             "try:\n    status = main(sys.argv[1:])\nexcept SystemExit as end:\n"
             "    status = end.code\n"
             "slow |= {'torch', 'pandas', 'numpy', 'matplotlib', 'scipy'} & set(sys.modules)\n"
             "sys.exit(f'slow: {slow}' if slow else status)")
    work, _ = least_work(fig1_sweep, probe, words)
    assert work < 8


def test_repeated_command_is_fast_and_imports_no_torch(fig1_sweep):
    probe = ("from benchmarks.harness.command.main import main\n"
             "status = main(sys.argv[1:])\nsys.exit('torch' if 'torch' in sys.modules else status)")
    before = {p: p.stat().st_mtime_ns for p in fig1_sweep.smoke.iterdir()}
    work, said = least_work(fig1_sweep, probe, ["fig1", "--scale", "smoke"])
    assert work < 30
    assert "identical to the results that were there" in said
    assert {p: p.stat().st_mtime_ns for p in fig1_sweep.smoke.iterdir()} == before


def test_list_plan_and_status_report_run_states(fig1_sweep, place):
    listed = fig1_sweep.bench("list", "fig1", "--scale", "smoke").stdout
    assert "results there; runs: 62 done" in listed
    planned = fig1_sweep.bench("plan", "fig1", "--scale", "smoke", "--seeds", "3").stdout
    assert "93 runs (31 arms, 3 seeds): 62 done, 31 missing" in planned
    assert "to train: 31" in planned
    assert re.search(r"about \d+\.\d core-minutes", fig1_sweep.bench(
        "plan", "fig1", "--scale", "smoke", "--seeds", "3").stdout)
    again = fig1_sweep.bench("plan", "fig1", "--scale", "smoke", "--rerun").stdout
    assert "to train: 62" in again
    assert "62 done" in fig1_sweep.bench("status", "fig1", "--scale", "smoke").stdout
    assert "as counted: none was measured" in place.bench("plan", "fig1").stdout
    assert not place.cache.exists()


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The same sweep in one process."""
    return finished(Place(tmp_path_factory.mktemp("serial")), "fig1", "--cluster", "debug")


def test_pool_and_single_process_write_the_same_bytes(fig1_sweep, serial):
    assert serial.tables() == fig1_sweep.tables()


def test_smoke_results_stay_in_the_cache(fig1_sweep):
    assert not fig1_sweep.results.exists()


def test_rerun_trains_again_and_redraw_only_draws_figures(place):
    words = ("fig1", "--scale", "smoke", "--methods", "mmd", "--seeds", "1", "--cluster", "debug")
    assert place.bench(*words).returncode == 0
    folder = place.cache / "smoke" / "custom" / "fig1-synthetic"
    tables, picture = place.tables(folder), (folder / "figure.png").read_bytes()
    again = place.bench(*words, "--rerun")
    assert "training 3 of 3 runs" in again.stdout
    assert place.tables(folder) == tables
    (folder / "figure.png").unlink()
    claims = tables["claims.csv"].replace(b"not run", b"reproduced")
    assert claims != tables["claims.csv"]
    (folder / "claims.csv").write_bytes(claims)
    drawn = place.bench(*words, "--redraw")
    assert drawn.returncode == 0
    assert "training" not in drawn.stdout
    assert (folder / "figure.png").read_bytes() == picture
    assert place.tables(folder) == tables


@pytest.mark.parametrize("sweep", ["fig1_sweep", "serial"])
def test_main_panel_is_published_when_its_last_run_is_done(sweep, request):
    """A single process trains the other panels later; in the pool a worker may still be busy."""
    main = {f"{arm.name}, seed {seed}" for arm in ARTEFACTS["fig1-synthetic"].arms("smoke")
            for seed in range(2) if arm.stage == 0}
    lines = request.getfixturevalue(sweep).output.splitlines()
    done = [k for k, line in enumerate(lines)
            if line.startswith("[") and line.split("s  ", 1)[1].removesuffix(": done") in main]
    assert len(done) == len(main) == 16
    assert lines[done[-1] + 1].startswith("main panel:")
    assert sweep != "serial" or done[-1] + 1 < len(lines) - 10


def test_partial_result_never_replaces_a_fuller_one(place):
    """Five runs of MMD at mini scale are published; then one of them is lost and fails."""
    words = ("fig1", "--scale", "smoke", "--methods", "mmd", "--cluster", "debug")
    assert place.bench(*words, "--seeds", "2").returncode == 0
    folder = place.cache / "smoke" / "custom" / "fig1-synthetic"
    fuller = place.tables(folder)
    fewer = place.bench(*words, "--seeds", "1")
    assert fewer.returncode == 0
    assert "keeps its fuller results" in fewer.stdout
    assert place.tables(folder) == fuller


def test_interrupted_sweeps_and_failed_runs_show_missing_results(place):
    (place.folder / "bad.py").write_text(FAILS_LATE)
    words = ("fig1", "--scale", "smoke", "--methods", "mmd", "--seeds", "1", "--with", "bad.py")
    done = place.bench(*words)
    assert done.returncode == 1
    assert "bad, seed 0: failed (AttributeError" in done.stdout
    folder = place.cache / "smoke" / "custom" / "fig1-synthetic"
    assert ",bad,main," in (folder / "runs.csv").read_text()
    hole = next(line for line in (folder / "data.csv").read_text().splitlines() if ",bad," in line)
    assert hole.endswith(",1")  # one run missing
    assert "not run" in (folder / "claims.csv").read_text()
    assert "1 failed" in place.bench("status", *words[1:]).stdout
    again = place.bench(*words)
    assert again.returncode == 1
    assert "training" not in again.stdout
    assert "training 1 of 4" in place.bench(*words, "--retry-failed").stdout


def test_methods_option_with_a_setting_adds_an_arm(place):
    done = place.bench("fig1", "--scale", "smoke", "--seeds", "1", "--cluster", "debug",
                       "--methods", "moca:tau=0.3:mask_self=True,mmd")
    assert done.returncode == 0
    runs = (place.cache / "smoke/custom/fig1-synthetic/runs.csv").read_text()
    assert '"moca[tau=0.3,mask_self=True]"' in runs
    assert "C1[moca[tau=0.3,mask_self=True]]" in done.stdout


def test_results_go_to_the_folder_of_their_scale():
    place = Place(ROOT)
    artefact = ARTEFACTS["fig1-synthetic"]

    def folder(scale, **chosen):
        asked = {"seeds": None, "methods": None, "own": ()} | chosen
        path = select(artefact, scale, **asked).results(place.results, place.cache)
        return str(path.relative_to(ROOT))

    assert folder("paper") == "results/fig1-synthetic"
    assert folder("paper", seeds=7) == "results/fig1-synthetic"
    assert folder("paper", seeds=4) == "results/custom/fig1-synthetic"
    assert folder("paper", methods="mmd") == "results/custom/fig1-synthetic"
    assert folder("mini") == "results/mini/fig1-synthetic"
    assert folder("mini", methods="mmd") == "results/custom/mini/fig1-synthetic"
    assert folder("smoke") == "cache/smoke/fig1-synthetic"


def test_divergence_is_shown_in_table_claims_status_and_figure(place):
    text = METHOD.replace("step.z.mean(0).norm()", "(step.z.norm() / (step.progress < 0.5))")
    (place.folder / "wild.py").write_text(text)
    words = ("fig1", "--scale", "smoke", "--seeds", "2", "--methods", "mmd,swd,sinkhorn",
             "--with", "wild.py")
    done = place.bench(*words)
    assert done.returncode == 0, done.stdout
    assert "wild, seed 0: diverged" in done.stdout
    folder = place.cache / "smoke" / "custom" / "fig1-synthetic"
    rows = list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))
    wild = [row for row in rows if row["arm"] == "wild"]
    assert {(row["status"], row["diverged_step"]) for row in wild} == {("diverged", "3")}
    assert [row["epoch"] for row in wild] == ["0", "1", "0", "1"]
    table = list(csv.DictReader((folder / "data.csv").read_text().splitlines()))
    assert {row["diverged"] for row in table if row["arm"] == "wild"} == {"2"}
    claims = list(csv.DictReader((folder / "claims.csv").read_text().splitlines()))
    assert {row["verdict"] for row in claims if row["claim"] == "C1[wild]"
            and row["role"] != "beside"} == {"inconclusive"}
    assert "diverged" in place.bench("status", *words[1:]).stdout
