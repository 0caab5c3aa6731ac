"""How folders and archives of images are understood: splits, classes, what is left out."""

import gzip
import io
import os
import random
import stat
import subprocess
import sys
import tarfile
import zipfile

from conftest import ROOT
from pictures import encoded, picture, tarred, write, zipped
import pytest

from benchmarks.harness.command import main
from benchmarks.harness.data.file_sets import FileSet
from benchmarks.harness.data.user_images import survey
from benchmarks.harness.errors import UsageError


def named(counts, ending=".png"):
    """Folder -> number of files, as files of distinct content; surveying decodes none."""
    return {f"{folder}/{k}{ending}".lstrip("/"): f"{folder} {k}".encode()
            for folder, count in counts.items() for k in range(count)}


def split(train, test, n=(20, 5), below=("0", "1", "2")):
    return {f"{folder}/{name}": count for folder, count in zip((train, test), n, strict=True)
            for name in below}


LAYOUTS = {  # name -> files, training and test images, classes, what the line says
    "training, testing": (split("training", "testing"), 60, 15, "012", "(testing/)"),
    "Train, TEST": (split("Train", "TEST"), 60, 15, "012", "(TEST/)"),
    "train, validation": (split("train", "validation"), 60, 15, "012", "15 test images (val"),
    "train, valid": (split("train", "valid"), 60, 15, "012", "(valid/)"),
    "sets around sets": (split("training_set/training_set", "test_set/test_set"), 60, 15, "012",
                         "(training_set/)"),
    "val apart": (split("train", "test") | {"val/0": 7}, 60, 15, "012", "7 in val/ (for val"),
    "validation, testing": (split("Training", "Testing") | {"Validation/1": 9}, 60, 15, "012",
                            "left out: 9 in Validation/ (for validation)"),
    "other folder beside": (split("train", "test") | {"masks": 60}, 60, 15, "012",
                            "60 in masks/ (beside train/)"),
    "stray beside splits": (split("train", "test") | {"": 30}, 60, 15, "012",
                            "0.png, 1.png, 10.png and 27 more (beside the folders)"),
    "stray in a split": (split("train", "test") | {"train": 2}, 60, 15, "012", "train/0.png, trai"),
    "folders around": (split("data/set/train", "data/set/test"), 60, 15, "012", "(train/)"),
    "stray outside": (split("data/train", "data/test") | {"": 1}, 60, 15, "012", "left out: 0.png"),
    "train alone": ({"train/a": 30, "train/b": 30}, 54, 6, "ab", "drawn at random"),
    "cover": ({"a": 50, "b": 50, "": 1}, 90, 10, "ab", "left out: 0.png (beside the folders)"),
    "few covers": ({"a": 50, "b": 40, "": 8}, 81, 9, "ab", "0.png, 1.png, 2.png and 5 more"),
    "many beside": ({"a": 10, "b": 10, "": 20}, 36, 4, "", "20 images lie beside the folders"),
    "classes called so": ({"train": 20, "bus": 20}, 36, 4, ["bus", "train"], "2 classes"),
    "valid and invalid": ({"valid": 20, "invalid": 20}, 36, 4, ["invalid", "valid"], "2 classes"),
    "flat": ({"": 30}, 27, 3, "", "no classes: no folders"),
    "flat splits": ({"train": 30, "test": 6}, 30, 6, "", "30 train images (train/) and 6 test"),
    "one class lacks in test": ({"train/a": 9, "train/b": 9, "test/a": 4}, 18, 4, "ab", "(a, b)"),
}


@pytest.mark.parametrize("case", LAYOUTS)
@pytest.mark.parametrize("form", ["folder", "zip", "tgz"])
def test_layout_of_folders_is_understood_and_told(case, form, tmp_path):
    counts, train, test, classes, told = LAYOUTS[case]
    files, path = named(counts), tmp_path / "own"
    if form == "folder":
        write(path, files)
    else:
        path.write_bytes(zipped(files) if form == "zip" else tarred(files))
    found = survey(path)
    assert {name: len(names) for name, names in found.splits.items()} == {
        "train": train, "test": test}
    assert list(found.classes or "") == list(classes)
    assert told in found.told
    assert "\n" not in found.told
    if classes:
        assert all(f"/{found.folders[name]}/" in f"/{name}"
                   for names in found.splits.values() for name in names)


def test_splits_without_training_images_are_refused(tmp_path):
    path = write(tmp_path / "own", named({"test/a": 9, "val/a": 9}))
    with pytest.raises(UsageError, match="has test/, val/ and no train/"):
        survey(path)


def test_every_form_of_a_set_has_one_digest_and_other_splits_have_another(tmp_path):
    files = named(split("train", "test"))
    forms = {"a.zip": zipped(files), "b.tgz": tarred(files), "c.tar": tarred(files, ""),
             "d.txz": tarred(files, "xz"), "zip.tar": zipped(files),
             "tar.zip": tarred(files, "bz2"), "no ending": tarred(files, "xz")}
    digests = {survey(write(tmp_path / "folder", files)).digest}
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        digests.add(survey(tmp_path / name).digest)
    assert len(digests) == 1
    others = {f"x{name}": data for name, data in files.items()}  # of no split
    assert survey(write(tmp_path / "others", others)).digest not in digests
    beside = write(tmp_path / "beside", files | {"notes.txt": b"x", "val/0/1.png": b"new"})
    assert survey(beside).digest in digests  # of what is used


def test_linked_folders_are_followed_and_loops_and_dead_links_are_told(tmp_path):
    write(tmp_path / "disk", named({"tulip": 20, "more/deep": 20}))
    own = write(tmp_path / "own", named({"rose": 20}))
    (own / "tulip").symlink_to("../disk/tulip")
    (own / "lily").symlink_to(tmp_path / "disk" / "more", target_is_directory=True)
    (own / "rose" / "20.png").symlink_to("0.png")
    (own / "rose" / "up").symlink_to("..")
    (own / "gone").symlink_to("nowhere")
    (own / "tulip" / "above").symlink_to(tmp_path)
    found = survey(own)
    assert sum(map(len, found.splits.values())) == 61
    assert list(found.classes) == ["lily", "rose", "tulip"]
    assert "gone, rose/up, tulip/above (links that lead nowhere, or back)" in found.told
    (tmp_path / "linked").symlink_to("own")
    assert survey(tmp_path / "linked").digest == found.digest


def test_unreadable_folder_is_named_in_one_line(tmp_path, monkeypatch):
    own = write(tmp_path / "own", named({"a": 5, "b": 5}))
    scandir = os.scandir

    def refuse(path):  # root, as whom tests may run, is never refused
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match=r"own/b/? cannot be read: Permission denied"):
        survey(own)


def test_hidden_files_and_other_files_are_left_out_and_told(tmp_path):
    files = named({"a": 20, "b": 20}) | {
        "__MACOSX/a/._0.png": b"x", "a/.DS_Store": b"x", ".git/0.png": b"x", "b/@eaDir/0.png": b"x",
        "a/0.gif": b"x", "labels.csv": b"x"}
    (tmp_path / "own.zip").write_bytes(zipped(files))
    (tmp_path / "own.tgz").write_bytes(tarred(files))
    for path in (write(tmp_path / "own", files), tmp_path / "own.zip", tmp_path / "own.tgz"):
        found = survey(path)
        assert sum(map(len, found.splits.values())) == 40
        assert "2 that are no PNG, JPEG or WebP (.csv, .gif), 4 hidden" in found.told


def test_backslashes_and_dots_in_archives_separate_folders(tmp_path):
    files = named({"flowers/rose": 20, "flowers/tulip": 20})
    digest = survey(write(tmp_path / "own", files)).digest
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.writestr("flowers\\", b"")
        for name, data in files.items():
            archive.writestr(name.replace("/", "\\"), data)
    (tmp_path / "own.tar").write_bytes(tarred({f"./{name}": data for name, data in files.items()}))
    for name in ("own.zip", "own.tar"):
        found = survey(tmp_path / name)
        assert list(found.classes) == ["rose", "tulip"]
        assert found.digest == digest


def test_names_in_any_encoding_are_read_and_told(tmp_path, capfdbinary):
    folder = os.fsencode(tmp_path) + b"/own"
    for kind in (b"caf\xe9", "日本".encode(), b"plain \xff\xfe"):
        os.makedirs(folder + b"/" + kind)
        for k in range(8):
            with open(folder + b"/" + kind + b"/\xe4 %d.png" % k, "wb") as file:
                file.write(kind + bytes([k]))
    found = survey(tmp_path / "own")
    assert len(found.classes) == 3
    code = ("from benchmarks.harness.command import main; import sys; "
            "sys.exit(main.main(sys.argv[1:]))")
    for encoding in ("utf-8", "latin-1", "ascii"):
        done = subprocess.run(
            [sys.executable, "-c", code, "plan", "fig14", "--scale", "smoke", "--cache-dir",
             tmp_path / "cache", "--dataset", f"own={tmp_path / 'own'}"], cwd=ROOT, check=False,
            env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True)
        assert done.returncode in (0, 2), done.stderr  # a batch may be larger than the set
        assert b"3 classes" in done.stdout
        assert b"Traceback" not in done.stderr


def test_archive_with_a_link_that_leads_out_is_refused_and_one_inside_is_followed(tmp_path):
    path, files = tmp_path / "own.tar", named({"a": 9, "b": 9})
    path.write_bytes(tarred(files, "", [("b/9.png", "../a/0.png"), ("c", "a")]))
    found = FileSet(path)
    assert found.read("b/9.png") == files["a/0.png"]
    assert found.skipped == ["c"]
    for name, target in (("b/x.png", "../../secret.png"), ("c", "/etc"), ("c", ".."),
                         ("a/../../x.png", "0.png")):
        path.write_bytes(tarred(files, "gz", [(name, target)]))
        with pytest.raises(UsageError, match=r"own\.tar has an entry that points outside"):
            survey(path)
    for name in ("../x.png", "/etc/x.png"):
        path.write_bytes(tarred({**files, name: b"x"}, "xz"))
        with pytest.raises(UsageError, match="points outside"):
            survey(path)


def test_links_in_a_zip_file_are_followed_inside_and_refused_outside(tmp_path):
    def with_link(target):
        link = zipfile.ZipInfo("b/x.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        buffer = io.BytesIO(zipped({"a/0.png": b"one", "b/1.png": b"two"}))
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(link, target)
        (tmp_path / "own.zip").write_bytes(buffer.getvalue())
        return FileSet(tmp_path / "own.zip")

    assert with_link("../a/0.png").read("b/x.png") == b"one"
    found = with_link("../a/9.png")
    assert (found.names, found.skipped) == (["a/0.png", "b/1.png"], ["b/x.png"])
    for target in ("../../secret.png", "/etc/secret.png"):
        with pytest.raises(UsageError, match="points outside"):
            with_link(target)


def test_hard_links_and_repeated_entries_of_archives_are_read(tmp_path):
    own = write(tmp_path / "own", named({"a": 9, "b": 9}))
    os.link(own / "a" / "0.png", own / "b" / "9.png")
    with tarfile.open(tmp_path / "own.tar", "w") as archive:
        archive.add(own, "own")
    assert FileSet(tmp_path / "own.tar").read("own/b/9.png") == b"a 0"
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.write(own / "a" / "0.png", "x/0.png")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x/0.png", b"later")
    files = FileSet(tmp_path / "own.zip")
    assert (files.names, files.read("x/0.png")) == (["x/0.png"], b"later")


def test_what_is_no_archive_or_a_damaged_one_is_named(tmp_path):
    files = named({"a": 40, "b": 40})
    cases = {"photo.png": (encoded(picture(1, 30, 30), "PNG"), "neither a folder nor a zip or tar"),
             "flowers.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "neither a folder nor a zip or tar"),
             "one.tar.gz": (gzip.compress(b"no tar at all"), "neither a folder nor a zip or tar"),
             "empty.tar": (b"", "neither a folder nor a zip or tar"),
             "half.tgz": (tarred(files)[:-300], "is a damaged archive"),
             "half.zip": (zipped(files)[:-300], "is a damaged archive")}
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=message) as caught:
            survey(tmp_path / name)
        assert name in str(caught.value)
    draws, path = random.Random(0), tmp_path / "own"
    for whole in (tarred(files), tarred(files, "xz"), tarred(files, ""), zipped(files)):
        for _ in range(10):
            at = draws.randrange(len(whole))
            path.write_bytes(whole[:at] + draws.randbytes(20) + whole[at + 20:])
            try:
                survey(path)
            except UsageError as error:
                assert len(str(error).splitlines()) == 1  # noqa: PT017 not every damage is seen


def test_plan_and_sweep_begin_with_what_was_understood(tmp_path, place, capsys):
    files = {f"{part}/{name}/{k}.png": encoded(picture(k, 20, 20), "PNG")
             for part, n in (("train", 70), ("validation", 32)) for name in "ab" for k in range(n)}
    own = write(tmp_path / "own", files | {"train/preview.png": files["train/a/1.png"]})
    words = ["fig7", "--scale", "smoke", "--methods", "moca", "--seeds", "1", "--dataset",
             f"own={own}", "--cluster", "debug", *place.options]
    line = (f"data: {own}: 140 train images (train/) and 64 test images (validation/), 2 classes "
            "(a, b); left out: train/preview.png (beside the folders)")
    assert main.main(["plan", *words]) == 0
    assert capsys.readouterr().out.splitlines()[0] == line
    assert main.main(words) == 0
    assert capsys.readouterr().out.splitlines()[0] == line


def test_set_without_classes_is_named_with_what_is_in_the_way(tmp_path, place, capsys):
    own = write(tmp_path / "own", named({"a": 400, "b": 400, "": 200}))
    words = ["fig7", "--scale", "smoke", "--dataset", f"own={own}", *place.options]
    assert main.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "into a folder of its own (now: " in line
    assert "200 images lie beside the folders" in line
