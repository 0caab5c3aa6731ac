"""One place turns any image file into 8 bits a channel, as a viewer shows it."""

from dataclasses import replace
import io
import struct
import zlib

import numpy as np
from pictures import encoded, picture, write
from PIL import Image, PngImagePlugin
import pytest

from benchmarks.harness.data import packed
from benchmarks.harness.data.image_files import decoded
from benchmarks.harness.data.user_images import survey
from benchmarks.harness.errors import UsageError
from benchmarks.harness.spec.run import Run

SEEN = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
STORED = {  # EXIF orientation -> how the pixels lie in the file: the standard's definition, undone
    1: SEEN, 2: SEEN[:, ::-1], 3: SEEN[::-1, ::-1], 4: SEEN[::-1],
    5: SEEN.transpose(1, 0, 2), 6: np.rot90(SEEN), 7: np.rot90(SEEN, 2).transpose(1, 0, 2),
    8: np.rot90(SEEN, -1)}
HQ = Run("celebahq", 8, "a1", "mmd", (), "1", dim=8, epochs=1, batch=4, image_size=8)


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_orientation_flag_turns_the_image_as_a_viewer_does(orientation, kind):
    pixels = np.ascontiguousarray(STORED[orientation])
    smooth = np.kron(pixels, np.ones((8, 8, 1), np.uint8)) if kind == "JPEG" else pixels
    expected = np.kron(SEEN, np.ones((8, 8, 1), np.uint8)) if kind == "JPEG" else SEEN
    options = {"PNG": {}, "WEBP": {"lossless": True},
               "JPEG": {"quality": 100, "subsampling": 0}}[kind]
    image = decoded(encoded(Image.fromarray(smooth), kind, exif=oriented(orientation), **options),
                    "x")
    np.testing.assert_allclose(np.asarray(image).astype(int), expected, atol=4)


def test_metadata_that_cannot_be_rewritten_do_not_hide_the_image():
    exif = oriented(6)
    exif[0x011A] = 3.5  # the resolution
    data = bytearray(exif.tobytes())
    at = data.index(struct.pack("<HH", 0x011A, 5)) if b"II" in data[:10] else data.index(
        struct.pack(">HH", 0x011A, 5))
    data[at + 2:at + 4] = data[at + 2:at + 4][::-1]  # a type that there is not
    image = decoded(encoded(Image.fromarray(np.ascontiguousarray(STORED[6])), "PNG",
                            exif=bytes(data)), "x")
    np.testing.assert_array_equal(image, SEEN)


def over_white(colour, alpha):
    return np.rint((colour.astype(float) * alpha + 255 * (255.0 - alpha)) / 255)


def test_every_form_of_transparency_is_shown_over_white():
    draws = np.random.default_rng(1)
    colour = draws.integers(0, 256, (7, 5, 3), np.uint8)
    grey, alpha = colour[..., 0], draws.integers(0, 256, (7, 5), np.uint8)
    alpha[0] = 0
    rgba = Image.fromarray(np.dstack([colour, alpha]))
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        found = decoded(encoded(rgba, kind, **options), "x")
        np.testing.assert_allclose(found, over_white(colour, alpha[..., None]), atol=1)
    found = decoded(encoded(Image.fromarray(np.dstack([grey, alpha])), "PNG"), "x")
    assert found.mode == "L"
    np.testing.assert_allclose(found, over_white(grey, alpha), atol=1)
    few = Image.fromarray(grey % 4, "P")
    few.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    levels = np.array([0, 255, 128, 255])
    found = decoded(encoded(few, "PNG", transparency=bytes(levels.tolist())), "x")
    palette = np.array([[9, 9, 9], [200, 0, 0], [0, 200, 0], [0, 0, 200]])[grey % 4]
    np.testing.assert_allclose(found, over_white(palette, levels[grey % 4][..., None]), atol=1)
    for pixels, key in ((colour, tuple(colour[2, 3].tolist())), (grey, int(grey[2, 3]))):
        found = decoded(encoded(Image.fromarray(pixels), "PNG", transparency=key), "x")
        hidden = (pixels == np.array(key)).reshape(7, 5, -1).all(-1)
        assert hidden[2, 3]
        expected = np.where(hidden.reshape(7, 5, *[1] * (pixels.ndim - 2)), 255, pixels)
        np.testing.assert_array_equal(found, expected)


def png(values, kind, *chunks):
    """A PNG file of (h, w, channels) values of 16 bits; `kind`: its colour type."""
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data
                + struct.pack(">I", zlib.crc32(name + data)))
    tall, wide, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", wide, tall, 16, kind,
                                                              0, 0, 0))
            + b"".join(chunk(*each) for each in chunks)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_upper_8_of_16_bits_are_kept(kind, channels):
    values = np.random.default_rng(2).integers(0, 2**16, (7, 5, channels), np.uint16)
    found = np.asarray(decoded(png(values, kind), "x")).reshape(7, 5, channels)
    np.testing.assert_array_equal(found, values >> 8)


@pytest.mark.parametrize(("kind", "channels"), [(4, 1), (6, 3)])
def test_16_bits_with_transparency_are_shown_over_white(kind, channels):
    values = np.random.default_rng(3).integers(0, 2**16, (7, 5, channels + 1), np.uint16)
    shown = decoded(png(values, kind), "x").convert("L" if channels == 1 else "RGB")
    found = np.asarray(shown).reshape(7, 5, channels)
    expected = over_white(values[..., :-1] >> 8, (values[..., -1:] >> 8).astype(float))
    np.testing.assert_allclose(found, expected, atol=1)


def test_transparent_shade_or_colour_of_16_bits_is_white():
    values = np.full((4, 4, 1), 30_000, np.uint16)
    values[1, 1] = 12_345
    found = np.asarray(decoded(png(values, 0, (b"tRNS", struct.pack(">H", 12_345))), "x"))
    assert found[1, 1] == 255
    assert (found == 30_000 >> 8).sum() == 15
    colour = np.full((4, 4, 3), 30_000, np.uint16)
    colour[1, 1] = key = (12_345, 23_456, 34_567)
    found = np.asarray(decoded(png(colour, 2, (b"tRNS", struct.pack(">HHH", *key))), "x"))
    assert found[1, 1].tolist() == [255] * 3
    assert (found == 30_000 >> 8).sum() == 45


def test_values_of_no_known_range_are_refused():
    for values in (np.full((4, 4), 1e5, np.int32), np.full((4, 4), 0.5, np.float32)):
        with pytest.raises(UsageError, match=r"^own/x\.png has .*8 or 16 bits"):
            decoded(encoded(Image.fromarray(values), "TIFF"), "own/x.png")


@pytest.mark.parametrize("make", [
    lambda info, text: info.add_text("prompt", text),
    lambda info, text: info.add_text("prompt", text, zip=True),
    lambda info, text: info.add_itxt("workflow", text, zip=True)], ids=["tEXt", "zTXt", "iTXt"])
def test_long_metadata_do_not_matter(make):
    info = PngImagePlugin.PngInfo()
    make(info, "x" * 2_500_000)
    found = decoded(encoded(Image.fromarray(SEEN), "PNG", pnginfo=info), "x")
    np.testing.assert_array_equal(found, SEEN)


def announcing(wide, tall):
    """A small PNG file whose header announces another size."""
    data = encoded(Image.new("1", (4, 4)), "PNG")
    header = b"IHDR" + struct.pack(">II", wide, tall) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


@pytest.mark.filterwarnings("error")
def test_image_that_is_too_large_is_named_before_it_is_decoded():
    for wide, tall in ((14_000, 14_000), (1, 180_000_000), (30_000, 30_000)):
        with pytest.raises(UsageError, match=rf"^a/scan\.png has {wide}x{tall} pixels; .*scale it"):
            decoded(announcing(wide, tall), "a/scan.png")
    # Pillow warns of this size, but it is decoded as far as it goes
    with pytest.raises(UsageError, match="not a readable image"):
        decoded(announcing(9_600, 9_400), "x")


def test_cmyk_and_odd_modes_become_colours_and_grey_stays_grey():
    colour = Image.new("RGB", (4, 4), (200, 90, 30))
    for mode in ("CMYK", "YCbCr"):
        found = decoded(encoded(colour.convert(mode), "JPEG", quality=100), "x")
        np.testing.assert_allclose(found, np.asarray(colour).astype(int), atol=6)
    assert decoded(encoded(Image.new("1", (4, 4), 1), "PNG"), "x").getextrema() == (255, 255)
    assert decoded(encoded(Image.new("L", (4, 4), 7), "JPEG"), "x").mode == "L"


@pytest.mark.parametrize("form", ["turned", "transparent", "16 bits"])
def test_celeba_hq_and_own_folders_are_read_alike(form, tmp_path):
    """Bright above, dark below and, where it can be hidden, noise."""
    seen = np.full((16, 16, 3), 10, np.uint8)
    seen[:8] = (230, 120, 240)
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    files = {
        "turned": lambda k: encoded(Image.fromarray(np.rot90(seen, -1).copy()), "PNG",
                                    exif=oriented(8)),
        "transparent": lambda k: encoded(Image.fromarray(np.dstack(
            [np.where(seen > 100, noise, 10).astype(np.uint8),
             np.where(seen[..., 0] > 100, 0, 255).astype(np.uint8)])), "PNG"),
        "16 bits": lambda k: png(seen.astype(np.uint16) * 257, 2)}[form]
    folder = write(tmp_path / "celeba_hq", {f"{k:02}.png": files(k) for k in range(12)})
    own = replace(HQ, dataset="own", data_digest=survey(folder).digest)
    for run in (HQ, own):
        packed.prepare([run], tmp_path / "packed", None, {run.dataset: folder})
        images = packed.packed_array(tmp_path / "packed", run.packed_name, "train.images")
        assert images[:, :, :3].min() > 100
        assert images[:, :, 5:].max() < 20
        if form == "transparent":
            assert images[:, :, :3].min() > 250


def test_celeba_face_with_an_orientation_flag_is_upright(tmp_path):
    run = replace(HQ, dataset="celeba", crop="lanczos140", image_size=16)
    face = picture(1)
    lying = face.transpose(Image.Transpose.ROTATE_90)
    files = {f"{n:06}.jpg": encoded(face if n % 2 else lying, quality=100, subsampling=0,
                                    exif=oriented(1 if n % 2 else 6))
             for n in (1, 2, 3, 4, 182_638)}
    folder = write(tmp_path / "img_align_celeba", files)
    packed.prepare([run], tmp_path / "packed", None, {"celeba": folder})
    images = packed.packed_array(tmp_path / "packed", run.packed_name, "train.images").astype(int)
    assert abs(images - images[:1]).max() <= 4


def test_damaged_images_are_named():
    whole = encoded(picture(3, 40, 40), "PNG")
    for data in (b"", b"<html>", whole[:-40], whole[:60] + bytes(40) + whole[100:], whole[:20]):
        with pytest.raises(UsageError, match=r"^own/a\.png is not a readable image"):
            decoded(data, "own/a.png")
    assert decoded(io.BytesIO(whole).read(), "x").size == (40, 40)
