"""Downloads from mirrors on loopback: unreachable, wrong, interrupted, resumed, killed."""

import hashlib
import random
import signal
import subprocess
import sys

from busy import await_that
from conftest import ROOT
from mirror import Mirror
import pytest

from benchmarks.harness.data.download import DownloadError, download

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
DOWN = "http://127.0.0.1:9/set/"


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = []

    def make(mode="fine", content=CONTENT):
        made.append(Mirror({"file.gz": content}, mode))
        return made[-1]

    yield make
    for each in made:
        each.close()


def fetch(folder, *mirrors):
    urls = [each if isinstance(each, str) else each.url for each in mirrors]
    return download("file.gz", urls, MD5, folder)


def is_whole(folder):
    assert [path.name for path in folder.iterdir()] == ["file.gz"]
    return (folder / "file.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("first", ["down", "page", "missing", "other", "breaks", "fine"])
def test_download_falls_back_to_the_next_mirror(first, mirror, tmp_path):
    other = mirror()
    assert fetch(tmp_path, DOWN if first == "down" else mirror(first), other).exists()
    assert is_whole(tmp_path)
    assert len(other.ranges) == (0 if first == "fine" else 1)


def test_interrupted_download_resumes_at_the_next_mirror(mirror, tmp_path):
    second = mirror()
    fetch(tmp_path, mirror("breaks"), second)
    assert is_whole(tmp_path)
    assert second.ranges == [f"bytes={len(CONTENT) // 2 + 1}-"]


def test_single_mirror_that_breaks_off_is_tried_again(mirror, tmp_path):
    shaky = mirror("breaks", CONTENT)
    with pytest.raises(DownloadError, match="broke off after"):
        fetch(tmp_path, shaky)
    sizes = [int(wanted[6:-1]) for wanted in shaky.ranges[1:]]
    assert sizes == sorted(set(sizes))  # each request resumes further on
    shaky.mode = "fine"
    fetch(tmp_path, shaky)
    assert is_whole(tmp_path)
    assert shaky.ranges[-1] is not None


def test_server_that_ignores_ranges_sends_the_whole_file(mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:1000])
    fetch(tmp_path, mirror("ignores ranges"))
    assert is_whole(tmp_path)


@pytest.mark.parametrize("left", [b"rubbish" * 50, CONTENT + b"more", CONTENT[:-1] + b"x"])
def test_wrong_partial_file_is_deleted(left, mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(left)
    fetch(tmp_path, mirror())
    assert is_whole(tmp_path)


def test_error_page_leaves_the_partial_file_unchanged(mirror, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:1000])
    with pytest.raises(DownloadError, match="web page"):
        fetch(tmp_path, mirror("page"))
    assert (tmp_path / "file.gz.part").read_bytes() == CONTENT[:1000]


def test_failed_download_names_the_reason_of_each_mirror(mirror, tmp_path):
    mirrors = [mirror("page"), mirror("missing"), mirror("other")]
    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path, DOWN, *mirrors)
    reasons = str(caught.value).split("; ")
    assert len(reasons) == 4
    for reason, word in zip(reasons, ("127.0.0.1:9: ", "web page", "HTTP 404", f"not {MD5}"),
                            strict=True):
        assert word in reason
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "file.gz").exists()


def test_existing_file_is_not_downloaded(mirror, tmp_path):
    (tmp_path / "file.gz").write_bytes(CONTENT)
    server = mirror()
    fetch(tmp_path, server)
    assert server.ranges == []


def test_killed_download_is_resumed(mirror, tmp_path):
    server = mirror("stalls")
    script = ("import sys; from pathlib import Path\n"
              "from benchmarks.harness.data.download import download\n"
              "download('file.gz', [sys.argv[1]], sys.argv[2], Path(sys.argv[3]))")
    process = subprocess.Popen([sys.executable, "-c", script, server.url, MD5, str(tmp_path)],
                               cwd=ROOT, stdout=subprocess.DEVNULL)
    part = tmp_path / "file.gz.part"
    await_that(lambda: part.exists() and part.stat().st_size > 0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    have = part.stat().st_size
    assert 0 < have < len(CONTENT)
    server.mode = "fine"
    fetch(tmp_path, server)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={have}-"]
