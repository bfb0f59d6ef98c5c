"""Sources of TinyImage that are damaged, odd or made to do harm, by name: `REFUSED` and `TOLERATED`.

A builder gets a folder with a good source and gives the path to open. It may change the folder, or make a zip beside it.
"""

import os
import shutil
import socket
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

MARKUP = "<img src=x onerror=alert(1)><script>alert(1)"


@dataclass(frozen=True)
class Case:
    """One bad source.

    Attributes:
        build: makes it from a good one.
        words: the refusal has all of them; "{image}" stands for the file name of the image that was spoilt.
        check: called with what was opened and with the good source opened.
        layout: of the good source, "kaggle" or "official".
        limits: of `helpers.data.archive`, lowered so that a small source goes beyond them.
    """

    build: Callable[[Path], Path]
    words: tuple[str, ...] = ()
    check: Callable | None = None
    layout: str = "kaggle"
    limits: dict[str, int] = field(default_factory=dict)


REFUSED: dict[str, Case] = {}
TOLERATED: dict[str, Case] = {}


def refused(*words, layout="kaggle", **limits):
    return lambda build: REFUSED.setdefault(build.__name__, Case(build, words, None, layout, limits)).build


def tolerated(check, layout="kaggle"):
    return lambda build: TOLERATED.setdefault(build.__name__, Case(build, (), check, layout)).build


def register(cases, layout="kaggle"):
    """Add builders from a table: by name, what is expected (words of the refusal, or a check) and the builder."""
    for name, (expected, build) in cases.items():
        if callable(expected):
            TOLERATED[name] = Case(build, (), expected, layout)
        else:
            REFUSED[name] = Case(build, (expected,) if isinstance(expected, str) else expected, None, layout)


# --- what is right of a source that opens ------------------------------------------------------------------------


def all_as_good(data, good):
    for name in ("images", "labels", "boxes", "official_images", "official_labels", "unlabelled_images"):
        assert np.array_equal(getattr(data, name), getattr(good, name)), name
    assert (data.wnids, data.class_names, data.unlabelled_names) == (
        good.wnids,
        good.class_names,
        good.unlabelled_names,
    )


def first_image_is(expected):
    """The spoilt image decodes to what `expected` makes of the good pixels, the others are as they were."""

    def check(data, good):
        assert np.array_equal(data.images[0], expected(good.images[0]))
        assert np.array_equal(data.images[1:], good.images[1:])

    return check


def class_name_is(name):
    def check(data, good):
        assert data.class_names == [name, *good.class_names[1:]]

    return check


def only_box_of_first_image_is_missing(data, good):
    assert data.boxes[0].tolist() == [-1] * 4
    assert np.array_equal(data.boxes[1:], good.boxes[1:])


# --- tools -------------------------------------------------------------------------------------------------------


def first_wnid(source):
    return (source / "wnids.txt").read_text().split()[0]


def first_image(source):
    """The file of the image whose row is 0."""
    wnid = first_wnid(source)
    folder = source / "train" / ("train" if (source / "train" / "train").exists() else "") / wnid / "images"
    return folder / f"{wnid}_0.JPEG"


def pixels(source):
    with Image.open(first_image(source)) as image:
        return image.convert("RGB")


def zipped(source, *extra, compression=zipfile.ZIP_DEFLATED, prefix="", **options):
    """The source as a zip, with further entries: pairs of a name or ZipInfo and content."""
    target = source.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", compression) as archive:
        for file in sorted(source.rglob("*")):
            archive.write(file, prefix + file.relative_to(source).as_posix())
        for name, content in extra:
            archive.writestr(name, content, **options)
    return target


def entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def patched(archive, name, local=(), central=()):
    """Overwrite fields of an entry's headers: (offset, format, value) each."""
    with zipfile.ZipFile(archive) as opened:
        start, directory = opened.getinfo(name).header_offset, opened.start_dir
    content = bytearray(archive.read_bytes())
    place = content.index(name.encode(), directory) - 46
    for base, fields in ((start, local), (place, central)):
        for offset, kind, value in fields:
            struct.pack_into(kind, content, base + offset, value)
    archive.write_bytes(content)
    return archive


def an_image(archive):
    with zipfile.ZipFile(archive) as opened:
        return next(name for name in opened.namelist() if name.endswith(".JPEG"))


def replaced(archive, old, new):
    content = archive.read_bytes()
    assert old in content
    archive.write_bytes(content.replace(old, new))
    return archive


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, *chunks, bits=8, colour=2):
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IEND", b"")


@cache
def bomb():
    """256 MiB of zeros, deflated, without ever holding them all."""
    packer, piece = zlib.compressobj(9), bytes(2**20)
    return b"".join(packer.compress(piece) for _ in range(2**8)) + packer.flush()


def with_bomb(archive, name, claimed=2**28):
    """Append an entry that unpacks to 256 MiB, with the size that it claims."""
    body = bomb()[2:-4]  # without the frame of zlib
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(name, b"")
    with zipfile.ZipFile(archive) as opened:
        start, directory = opened.getinfo(name).header_offset, opened.start_dir
        comment_start = archive.stat().st_size - 22
    old = archive.read_bytes()
    local, middle, end = old[start:directory], old[directory:comment_start], bytearray(old[comment_start:])
    content = bytearray(old[:start] + local + body + middle + end)
    shift = len(body)
    place = content.index(name.encode(), directory + shift) - 46
    for base, offset in ((start, 8), (place, 10)):  # method, (time, date,) CRC, compressed and full size
        struct.pack_into("<H", content, base + offset, zipfile.ZIP_DEFLATED)
        struct.pack_into("<III", content, base + offset + 6, 0, len(body), claimed)
    struct.pack_into("<I", content, len(content) - 22 + 16, directory + shift)
    archive.write_bytes(content)
    return archive


def without(source, name):
    (source / name).unlink()
    return source


def rewritten(source, name, change, encoding=None):
    """Change the text of a file; bytes or str."""
    file = source / name
    text = change(file.read_text())
    file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding or "utf-8"))
    return source


RANDOM_BYTES = np.random.default_rng(0).bytes(5000)
BOXES, SAMPLE, ANNOTATIONS = "boxes", "submission_sample.csv", "val/val_annotations.txt"


def with_text(name, change, encoding=None):
    """A builder that changes a text file: `change` gets the text and the first wnid."""

    def build(source):
        wnid = first_wnid(source)
        file = f"train/train/{wnid}/{wnid}_boxes.txt" if name == BOXES else name
        return rewritten(source, file, lambda text: change(text, wnid), encoding)

    return build


def with_entry(name, content="x"):
    """A builder that zips the source with one more entry."""
    return lambda source: zipped(source, (name, content))


def with_patch(name, local, central):
    """A builder that overwrites fields in the headers of an entry, which is named or found in the archive."""

    def build(source):
        target = zipped(source)
        return patched(target, name(target) if callable(name) else name, local, central)

    return build


def with_zip_bytes(change):
    """A builder that changes the bytes of the zipped source."""

    def build(source):
        target = zipped(source)
        target.write_bytes(change(target.read_bytes()))
        return target

    return build


# --- names in archives -------------------------------------------------------------------------------------------

register(
    {
        name: ((shown, "no plain path"), with_entry(entry_name))
        for name, entry_name, shown in (
            ("zip_slip", "../../evil.txt", "../../evil.txt"),
            ("zip_slip_in_the_middle", "train/train/../../../evil/images/x.JPEG", ".."),
            ("zip_slip_of_a_folder", "../evil/", ".."),
            ("zip_with_an_absolute_path", "/tmp/evil.txt", "/tmp/evil.txt"),
            ("zip_with_a_drive", "C:/evil.txt", "C:/evil.txt"),
            ("zip_with_backslashes", "..\\evil.txt", "..\\evil.txt"),
            ("zip_with_a_line_break_in_a_name", "two\nlines", r"two\nlines"),
            ("zip_with_terminal_codes_in_a_name", "\x1b[31mred", r"\x1b[31mred"),
            ("zip_with_a_tab_in_the_name_of_an_image", "train/train/d00000000/images/a\tb.JPEG", r"a\tb"),
        )
    }
)
register(
    {
        "zip_with_a_pipe": (("pipe", "link or a device"), with_entry(entry("pipe", stat.S_IFIFO | 0o644), "")),
        "zip_with_a_device": (("disk", "link or a device"), with_entry(entry("disk", stat.S_IFBLK | 0o644), "")),
        "zip_with_the_leavings_of_a_mac": (
            all_as_good,
            lambda source: zipped(
                source,
                ("__MACOSX/._wnids.txt", "x"),
                (".DS_Store", "x"),
                ("train/.DS_Store", "x"),
                ("train/train/.DS_Store", "x"),
            ),
        ),
        "zip_with_names_that_differ_only_in_case": (
            all_as_good,
            lambda source: zipped(source, ("WNIDS.TXT", "n00000000\n"), ("Words.txt", "x\ty\n")),
        ),
        "zip_with_two_files_of_one_name": (
            "2 files named wnids.txt",
            lambda source: replaced(zipped(source, ("wnids.tx2", "n00000000\n")), b"wnids.tx2", b"wnids.txt"),
        ),
        "zip_with_a_name_that_is_not_the_utf8_it_claims": (
            ("not a complete zip", "utf-8"),
            lambda source: replaced(zipped(source, ("ä.txt", "x")), "ä.txt".encode(), b"\xff\xfe.txt"),
        ),
        "zip_with_a_name_in_an_old_code_page": (
            all_as_good,
            lambda source: replaced(zipped(source, ("xx.txt", "x")), b"xx.txt", b"\x84\x94.txt"),
        ),
    }
)


@refused("link or a device")
def zip_with_a_link_for_an_image(source):
    image = first_image(source)
    name = image.relative_to(source).as_posix()
    image.unlink()
    return zipped(source, (entry(name, stat.S_IFLNK | 0o777), "/etc/passwd"))


@refused("wnids.txt", "link or a device")
def zip_with_a_link_for_its_classes(source):
    return zipped(without(source, "wnids.txt"), (entry("wnids.txt", stat.S_IFLNK | 0o777), "/etc/passwd"))


@refused("no plain path")
def zip_with_a_file_without_a_name(source):
    target = zipped(source, ("~Q~", ""))  # its three letters become an extra field
    return patched(target, "~Q~", local=[(26, "<H", 0), (28, "<H", 3)], central=[(28, "<H", 0), (30, "<H", 3)])


@tolerated(lambda data, good: len(data.labels) == len(good.labels) + 1)
def zip_with_images_that_differ_only_in_case(source):
    image = first_image(source)
    name = image.with_suffix(".jpeg").relative_to(source).as_posix()
    return zipped(source, (name, image.read_bytes()))


@refused("wnids.txt in a, b", "name the one")
def two_sources_side_by_side(source):
    for name in "ab":
        shutil.copytree(source, source.parent / "both" / name)
    return source.parent / "both"


# --- bombs and lies of archives ----------------------------------------------------------------------------------


@refused("more than TinyImage", "120 files", MOST_FILES=120)
def zip_of_very_many_small_files(source):
    return zipped(source, *((f"many/{number}", "") for number in range(60)))


@refused("more than TinyImage", "120 files", MOST_FILES=120)
def folder_of_very_many_small_files(source):
    (source / "many").mkdir()
    for number in range(60):
        (source / "many" / str(number)).touch()
    return source


@refused("lists more files than TinyImage", MOST_DIRECTORY_BYTES=8192)
def zip_with_a_long_list_of_files(source):
    return zipped(source, *((f"{number:0100}", "") for number in range(80)))


@refused("bomb.JPEG", "at most 1,048,576")
def zip_bomb_for_an_image(source):
    name = f"train/train/{first_wnid(source)}/images/bomb.JPEG"
    return with_bomb(zipped(source), name)


@refused("wnids.txt", "at most 8,388,608")
def zip_bomb_for_the_classes(source):
    return with_bomb(zipped(without(source, "wnids.txt")), "wnids.txt")


@refused("bomb.JPEG", "cannot be decoded")
def zip_bomb_that_claims_to_be_small(source):
    name = f"train/train/{first_wnid(source)}/images/bomb.JPEG"
    return with_bomb(zipped(source), name, claimed=5000)


@refused("wnids.txt", "CRC")
def zip_bomb_for_the_classes_that_claims_to_be_small(source):
    return with_bomb(zipped(without(source, "wnids.txt")), "wnids.txt", claimed=60)


@refused("more than TinyImage", "2 GiB")
def zip_bomb_beside_the_data(source):
    return patched(zipped(source, ("rest.bin", "x")), "rest.bin", central=[(24, "<I", 3 * 2**30)])


@refused("overlap")
def zip_bomb_of_overlapping_files(source):
    target = zipped(source, ("kernel", "x" * 1000), ("quoted", "y"))
    with zipfile.ZipFile(target) as opened:
        start = opened.getinfo("kernel").header_offset
    return patched(target, "quoted", central=[(42, "<I", start)])


@refused("no wnids.txt")
def zip_in_a_zip(source):
    inner = zipped(source)
    outer = source.parent / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
    return outer


register(
    {
        "zip_whose_file_claims_the_next_one_too": ("overlap", with_patch(an_image, [], [(20, "<I", 2**20)])),
        "zip_with_an_encrypted_image": (
            ("is encrypted", "without a password"),
            with_patch(an_image, [(6, "<H", 1)], [(8, "<H", 1)]),
        ),
        "zip_with_encrypted_classes": (
            ("wnids.txt", "is encrypted"),
            with_patch("wnids.txt", [(6, "<H", 1)], [(8, "<H", 1)]),
        ),
        "zip_compressed_by_nobody_knows_what": (
            "compressed by method 99",
            with_patch("wnids.txt", [(8, "<H", 99)], [(10, "<H", 99)]),
        ),
        "zip_with_a_wrong_checksum_of_the_classes": (
            ("wnids.txt", "CRC"),
            with_patch("wnids.txt", [(14, "<I", 7)], [(16, "<I", 7)]),
        ),
        "zip_that_needs_a_version_of_the_future": ("not a complete zip", with_patch("wnids.txt", [], [(6, "<H", 990)])),
        "zip_compressed_by_bzip2": (
            "compressed by method 12",
            lambda source: zipped(source, compression=zipfile.ZIP_BZIP2),
        ),
        "zip_compressed_by_lzma": (
            "compressed by method 14",
            lambda source: zipped(source, compression=zipfile.ZIP_LZMA),
        ),
    }
)
register(
    {
        name: (expected, with_zip_bytes(change))
        for name, expected, change in (
            ("zip_cut_off", "not a complete zip", lambda content: content[: len(content) // 2]),
            ("zip_without_its_last_bytes", "not a complete zip", lambda content: content[:-7]),
            ("zip_without_its_first_bytes", "cannot be", lambda content: content[500:]),
            (
                "zip_with_a_hole_of_zeros",
                "cannot be",
                lambda content: content[:2000] + bytes(38000) + content[40000:],
            ),
            ("zip_of_no_bytes", "not a complete zip", lambda content: b""),
            ("page_of_a_login_saved_as_a_zip", "not a complete zip", lambda content: b"<html>Please log in</html>"),
            (
                "zip_whose_list_lies_beyond_its_end",
                "not a complete zip",
                lambda content: content[:-10] + struct.pack("<I", 2**31) + content[-6:],
            ),
            (
                "zip64_whose_end_is_elsewhere",
                "not a complete zip",
                lambda content: content[:-22] + struct.pack("<IIQI", 0x07064B50, 0, 2**62, 9) + content[-22:],
            ),
            ("zip_behind_a_program_that_unpacks_it", all_as_good, lambda content: b"MZ" + bytes(5000) + content),
        )
    }
)


@refused("no wnids.txt")
def zip_without_files(source):
    target = source.with_suffix(".zip")
    zipfile.ZipFile(target, "w").close()
    return target


@refused("cannot be decoded", "{image}")
def zip_with_a_wrong_checksum_of_an_image(source):
    name = first_image(source).relative_to(source).as_posix()
    return patched(zipped(source), name, local=[(14, "<I", 7)], central=[(16, "<I", 7)])


@refused("words.txt", "cannot be read")
def zip_whose_headers_disagree_about_a_name(source):
    target = zipped(source)
    with zipfile.ZipFile(target) as opened:
        start = opened.getinfo("words.txt").header_offset
    content = bytearray(target.read_bytes())
    content[start + 30 : start + 39] = b"wards.txt"
    target.write_bytes(content)
    return target


@refused("not a complete zip")
def zip64_without_its_sizes(source):
    info = zipfile.ZipInfo("extra.bin")
    info.extra = struct.pack("<HH", 1, 4) + bytes(4)
    target = zipped(source, (info, "x"))
    return patched(target, "extra.bin", central=[(20, "<I", 2**32 - 1), (24, "<I", 2**32 - 1)])


@tolerated(all_as_good)
def zip64_of_a_small_source(source):
    target = source.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for file in source.rglob("*.*"):
            with archive.open(file.relative_to(source).as_posix(), "w", force_zip64=True) as written:
                written.write(file.read_bytes())
    return target


@tolerated(all_as_good)
def zip_with_a_long_comment(source):
    return commented(zipped(source), b"x" * 65535)


@refused("not a complete zip")
def zip_whose_comment_looks_like_its_end(source):
    return commented(zipped(source), b"PK\x05\x06" * 16000)


def commented(archive, comment):
    with zipfile.ZipFile(archive, "a") as opened:
        opened.comment = comment
    return archive


@refused("not a complete zip")
def tar_archive(source):
    target = source.with_suffix(".tar.gz")
    with tarfile.open(target, "w:gz") as archive:
        archive.add(source, "tiny")
    return target


# --- images ------------------------------------------------------------------------------------------------------


def with_image_bytes(make):
    """A builder that writes bytes over the first image: `make` gets those of the good one."""

    def build(source):
        file = first_image(source)
        file.write_bytes(make(file.read_bytes()))
        return source

    return build


def with_image(write):
    """A builder that writes the first image in an unusual way: `write` gets its pixels and the file."""

    def build(source):
        image = pixels(source)
        with first_image(source).open("wb") as file:
            write(image, file)
        return source

    return build


def grey_png(bits):
    return png(64, 64, chunk(b"IDAT", zlib.compress(bytes(64 * (1 + 8 * bits)))), bits=bits, colour=0)


def flipped_bits(content):
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0x55 for byte in content[middle : middle + 64]) + content[middle + 64 :]


register(
    {
        f"image_{name}": (("{image}", expected), with_image_bytes(make))
        for name, expected, make in (
            ("of_no_bytes", "cannot be decoded", lambda _: b""),
            ("cut_off", "cannot be decoded", lambda content: content[:-200]),
            ("with_flipped_bits", "cannot be decoded", flipped_bits),
            ("of_text", "cannot be decoded", lambda _: b"n01443537"),
            ("that_is_a_web_page", "cannot be decoded", lambda _: b"<!DOCTYPE html><script>alert(1)</script>"),
            (
                "that_is_a_vector_drawing",
                "cannot be decoded",
                lambda _: b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>',
            ),
            (
                "that_is_a_program_in_postscript",
                "cannot be decoded",
                lambda _: (
                    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(/tmp/evil) (w) file\n%%EOF\n"
                ),
            ),
            ("that_is_a_pickle", "cannot be decoded", lambda _: b"cos\nsystem\n(S'true'\ntR."),
            ("of_16_bits_a_channel", "cannot be decoded", lambda _: grey_png(16)),
            (
                "of_another_size",
                "32 x 48 pixels",
                lambda _: png(32, 48, chunk(b"IDAT", zlib.compress(bytes(48 * 97)))),
            ),
            (
                "of_many_pixels",
                "10000 x 10000 pixels",
                lambda _: png(10_000, 10_000, chunk(b"IDAT", zlib.compress(bytes(100)))),
            ),
            (
                "of_more_pixels_than_memory",
                "cannot be decoded",
                lambda _: png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", zlib.compress(bytes(100)))),
            ),
            ("without_pixels", "0 x 0|cannot be decoded", lambda _: png(0, 0)),
            (
                "with_a_bomb_of_text",
                "cannot be decoded",
                lambda _: png(
                    64, 64, chunk(b"zTXt", b"note\0\0" + bomb()), chunk(b"IDAT", zlib.compress(bytes(64 * 193)))
                ),
            ),
            ("with_a_megabyte_behind_it", "at most 1,048,576", lambda content: content + bytes(2**20)),
        )
    }
)


def transparent(image, file):
    image.putalpha(Image.linear_gradient("L").resize((64, 64)))
    image.save(file, "PNG")


def animated_gif(_, file):
    frames = [Image.new("RGB", (64, 64), (level,) * 3) for level in (0, 90, 180)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])


def turned_by_exif(image, file):
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(file, "PNG", exif=exif)


register(
    {
        f"image_{name}": (first_image_is(lambda image: image), with_image(write))
        for name, write in {
            "in_png_named_jpeg": lambda image, file: image.save(file, "PNG"),
            "in_bmp": lambda image, file: image.save(file, "BMP"),
            "in_tiff": lambda image, file: image.save(file, "TIFF", compression="tiff_lzw"),
            "with_transparency": transparent,
            "that_moves_as_png": lambda image, file: image.save(
                file, "PNG", save_all=True, append_images=[Image.new("RGB", (64, 64))]
            ),
            "that_asks_to_be_turned": turned_by_exif,
        }.items()
    }
    | {
        f"image_{name}": (first_image_is(np.zeros_like), with_image(write))
        for name, write in {
            "with_a_bomb_behind_its_pixels": lambda _, file: file.write(png(64, 64, chunk(b"IDAT", bomb()))),
            "for_print": lambda _, file: Image.new("CMYK", (64, 64), (0, 0, 0, 255)).save(file, "JPEG"),
            "of_one_bit": lambda _, file: Image.new("1", (64, 64)).save(file, "PNG"),
            "that_moves_as_gif": animated_gif,
        }.items()
    }
)


@refused("no images", "add them or remove the class")
def images_folder_that_is_a_file(source):
    folder = first_image(source).parent
    shutil.rmtree(folder)
    folder.write_text("x")
    return source


@refused("neither layout")
def images_in_a_folder_too_deep(source):
    image = first_image(source)
    (image.parent / "more").mkdir()
    image.rename(image.parent / "more" / image.name)
    return source


# --- what a folder can have beside files -------------------------------------------------------------------------


def with_link(name, target):
    """A builder that puts a link in the place of a file or beside the files."""

    def build(source):
        (source / name).unlink(missing_ok=True)
        (source / name).symlink_to(target)
        return source

    return build


def with_file(name):
    """A builder that adds an empty file."""

    def build(source):
        (source / name).touch()
        return source

    return build


register(
    {
        name: ((shown, "link that leads to no file inside"), with_link(shown, target))
        for name, shown, target in (
            ("link_to_a_secret", "words.txt", "/etc/passwd"),
            ("link_to_nowhere", "nowhere", "gone"),
            ("link_to_a_device", "zero", "/dev/zero"),
            ("link_to_itself", "loop", "loop"),
            ("link_to_the_folder_above", "train/again", ".."),
        )
    }
)
register(
    {
        "file_with_a_line_break_in_its_name": ("no plain path", with_file("two\nlines")),
        "file_with_a_backslash_in_its_name": ("no plain path", with_file("..\\evil")),
        "device_for_the_source": (("/dev/zero", "neither a file nor a folder"), lambda _: Path("/dev/zero")),
        "path_with_a_zero_byte": ("DATA must name", lambda source: Path(f"{source}\0.zip")),
        "path_that_is_too_long": ("DATA must name", lambda source: source / ("x" * 5000)),
    }
)


@refused("{image}", "neither a file nor a folder")
def pipe_for_an_image(source):
    first_image(source).unlink()
    os.mkfifo(first_image(source))
    return source


@refused("wnids.txt", "neither a file nor a folder")
def pipe_for_the_classes(source):
    os.mkfifo(without(source, "wnids.txt") / "wnids.txt")
    return source


@refused("neither a file nor a folder", "DATA must name")
def pipe_for_the_source(source):
    os.mkfifo(source.parent / "pipe.zip")
    return source.parent / "pipe.zip"


@refused("plug", "neither a file nor a folder")
def socket_beside_the_data(source):
    here = Path.cwd()
    os.chdir(source)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind("plug")
    finally:
        os.chdir(here)
    return source


@refused("link that leads to no file inside")
def link_to_an_image_elsewhere(source):
    image = first_image(source)
    image.rename(source.parent / "outside.JPEG")
    image.symlink_to(source.parent / "outside.JPEG")
    return source


@refused("link that leads to no file inside")
def link_to_a_folder_elsewhere(source):
    folder = first_image(source).parent
    folder.rename(source.parent / "outside")
    folder.symlink_to(source.parent / "outside")
    return source


@refused("loop", "DATA must name")
def link_to_itself_for_the_source(source):
    (source.parent / "loop").symlink_to("loop")
    return source.parent / "loop"


@tolerated(all_as_good)
def link_to_another_file_of_the_source(source):
    image = first_image(source)
    image.rename(source / "kept.JPEG")
    image.symlink_to(source / "kept.JPEG")
    return source


@tolerated(all_as_good)
def link_to_the_source(source):
    (source.parent / "link").symlink_to(source)
    return source.parent / "link"


@refused("no plain path", "\\udcff")
def file_whose_name_is_not_utf8(source):
    with open(os.fsencode(source) + b"/\xff.txt", "w"):  # noqa: PTH123 - a name of bytes
        return source


@refused("more than TinyImage", "2 GiB")
def file_full_of_holes(source):
    (source / "holes").touch()
    os.truncate(source / "holes", 2**42)
    return source


@refused("{image}", "at most 1,048,576")
def image_full_of_holes(source):
    os.truncate(first_image(source), 2**27)
    return source


@tolerated(all_as_good)
def folders_nested_deeply(source):
    deep = source
    for _ in range(60):
        deep = deep / "a"
    deep.mkdir(parents=True)
    (deep / "note.txt").touch()
    return source


# --- lists of classes and their names ----------------------------------------------------------------------------

LONG = "at most 8,388,608"
register(
    {
        f"classes_{name}": (expected, with_text("wnids.txt", change, *encoding))
        for name, expected, change, *encoding in (
            ("with_a_byte_order_mark", all_as_good, lambda text, _: text, "utf-8-sig"),
            ("with_ends_of_lines_of_windows", all_as_good, lambda text, _: text.replace("\n", " \r\n")),
            ("with_ends_of_lines_of_an_old_mac", all_as_good, lambda text, _: "\r\r" + text.replace("\n", "\r")),
            ("in_utf16", "disagree", lambda text, _: text, "utf-16"),
            ("with_a_second_column", "disagree", lambda text, _: text.replace("\n", "\tfish\n")),
            ("of_random_bytes", "disagree", lambda *_: RANDOM_BYTES),
            ("of_none", "disagree", lambda *_: ""),
            ("that_repeat", "a wnid repeats", lambda text, _: text + text),
            ("with_a_very_long_name", ("disagree", "..."), lambda text, _: text + "n" * 10**6),
            ("without_end", ("wnids.txt", LONG), lambda text, _: text + "n00000000\n" * 10**6),
            ("as_many_as_fit", "disagree", lambda text, _: text + "".join(f"{n:x}\n" for n in range(3 * 10**5))),
        )
    }
)
register(
    {
        f"class_name_{name}": (class_name_is(expected), with_text("words.txt", change))
        for name, expected, change in (
            ("of_markup", MARKUP.split(",")[0], lambda text, wnid: f"{text}{wnid}\t{MARKUP}, x\n"),
            (
                "with_control_characters",
                "red [31m fish",
                lambda text, wnid: f"{text}{wnid}\tred\x07 \x1b[31m\tfish\n",
            ),
            ("that_is_a_broken_formula", "x \\frac", lambda text, wnid: f"{text}{wnid}\t$x$ $\\frac$\n"),
            ("that_is_very_long", "n" * 80, lambda text, wnid: f"{text}{wnid}\t{'n' * 10**5}\n"),
            ("that_is_not_utf8", "caf\ufffd", lambda text, wnid: f"{text}{wnid}".encode() + b"\tcaf\xe9\n"),
        )
    }
)
register(
    {
        "class_name_that_is_empty": (
            lambda data, good: class_name_is(data.wnids[0])(data, good),
            with_text("words.txt", lambda text, wnid: f"{text}{wnid}\t \n"),
        ),
        "words_among_lines_without_sense": (
            all_as_good,
            with_text("words.txt", lambda text, _: f"\n\n\t\tx\nno tab\n{text}\0\n"),
        ),
        "words_without_end": (
            ("words.txt", LONG),
            with_text("words.txt", lambda text, _: text + "x\ty\n" * 3 * 10**6),
        ),
    }
)


@tolerated(class_name_is("<b onclick=alert(1)>"))
def class_folder_of_markup(source):
    wnid, name = first_wnid(source), "<b onclick=alert(1)>"
    (source / "train" / "train" / wnid).rename(source / "train" / "train" / name)
    for old in (source / "train" / "train" / name / "images").iterdir():
        old.rename(old.with_name(old.name.replace(wnid, name)))
    return rewritten(source, "wnids.txt", lambda text: text.replace(wnid, name))


@tolerated(lambda data, good: class_name_is(good.class_names[1])(data, good))
def class_names_that_are_alike(source):
    def change(text):
        words = dict(line.split("\t") for line in text.splitlines())
        first, second = (source / "wnids.txt").read_text().split()[:2]
        return f"{text}{first}\t{words[second]}\n"

    return rewritten(source, "words.txt", change)


# --- boxes -------------------------------------------------------------------------------------------------------


def without_boxes_of_the_first_class(data, good):
    assert (data.boxes[data.labels == 0] == -1).all()
    assert np.array_equal(data.boxes[data.labels > 0], good.boxes[data.labels > 0])


def with_first_box(numbers):
    def change(text, _):
        line, following = text.split("\n", 1)
        return f"{line.split(chr(9))[0]}\t{numbers}\n{following}"

    return with_text(BOXES, change)


register(
    {
        f"box_{name}": (only_box_of_first_image_is_missing, with_first_box(numbers))
        for name, numbers in {
            "of_one_number": "7",
            "of_five_numbers": "1\t2\t3\t4\t5",
            "of_words": "a\tb\tc\td",
            "of_fractions": "1.5\t2\t3\t4",
            "below_zero": "-5\t0\t10\t10",
            "outside_of_the_image": "0\t0\t64\t63",
            "upside_down": "9\t9\t3\t3",
            "beyond_any_integer": "0\t0\t99999999999999999999\t5",
            "beyond_any_digit": f"0\t0\t5\t{'9' * 5000}",
        }.items()
    }
)
register(
    {
        "boxes_of_random_bytes": (without_boxes_of_the_first_class, with_text(BOXES, lambda *_: RANDOM_BYTES)),
        "boxes_with_ends_of_lines_of_windows": (
            all_as_good,
            with_text(BOXES, lambda text, _: "\ufeff" + text.replace("\n", "\r\n")),
        ),
        "boxes_without_end": (
            ("boxes.txt", LONG),
            with_text(BOXES, lambda text, _: text + "x\t1\t2\t3\t4\n" * 10**6),
        ),
    }
)


@tolerated(all_as_good)
def boxes_of_images_of_another_class(source):
    wnid = (source / "wnids.txt").read_text().split()[1]
    return with_text(BOXES, lambda text, _: f"{text}{wnid}_0.JPEG\t1\t2\t3\t4\n")(source)


# --- the list of test images -------------------------------------------------------------------------------------


def third_row(text):
    return text.splitlines()[3]


register(
    {
        f"sample_{name}": (
            all_as_good if expected is all_as_good else (SAMPLE, *expected),
            with_text(SAMPLE, change, *encoding),
        )
        for name, expected, change, *encoding in (
            ("that_lacks_an_image", ["disagree about"], lambda text, _: text.replace(f"{third_row(text)}\n", "")),
            (
                "that_names_an_image_twice",
                ["disagree about", "2 and 1 times"],
                lambda text, _: f"{text}{third_row(text)}\n",
            ),
            (
                "that_names_another_image",
                ["disagree about foreign", "1 and 0 times"],
                lambda text, _: f"{text}foreign,0\n",
            ),
            ("that_leads_elsewhere", ["../../etc/passwd"], lambda text, _: f"{text}../../etc/passwd,0\n"),
            ("without_a_header", ["no column img_id"], lambda text, _: text.split("\n", 1)[1]),
            ("of_no_bytes", ["no column img_id"], lambda *_: ""),
            ("with_short_rows", ["disagree"], lambda text, _: text.replace("img_id,label", "label,img_id")),
            ("with_an_open_quote", ["disagree"], lambda text, _: text.replace("\n", '\n"', 1)),
            ("with_a_giant_cell", ["no table"], lambda text, _: text + "x" * 200_000),
            ("of_random_bytes", [], lambda *_: RANDOM_BYTES),
            ("from_windows", all_as_good, lambda text, _: text.replace("\n", "\r\n"), "utf-8-sig"),
            ("with_more_columns", all_as_good, lambda text, _: text.replace("img_id,label", "img_id,label,note")),
        )
    }
)


@refused("submission_sample.csv", "1 and 2 times")
def test_images_of_one_name(source):
    image = next((source / "test" / "test" / "images").iterdir())
    shutil.copy(image, image.with_suffix(".png"))
    return source


@refused("submission_sample.csv", "disagree about")
def test_images_in_a_folder_too_deep(source):
    folder = source / "test" / "test" / "images"
    (folder / "more").mkdir()
    image = next(folder.glob("*.jpg"))
    image.rename(folder / "more" / image.name)
    return source


# --- labels of the official test images --------------------------------------------------------------------------

register(
    {
        name: (expected, with_text(ANNOTATIONS, change, *encoding))
        for name, expected, change, *encoding in (
            (
                "annotation_of_no_class",
                ("val_annotations.txt", "names no image and class"),
                lambda text, _: f"{text}val_0.JPEG\t<b>\n",
            ),
            (
                "annotation_without_tabs",
                ("val_annotations.txt", "names no image and class"),
                lambda text, _: text.replace("\t", " "),
            ),
            (
                "annotations_of_random_bytes",
                ("val_annotations.txt", "names no image and class"),
                lambda *_: RANDOM_BYTES,
            ),
            (
                "annotation_that_stands_there_twice",
                ("val_annotations.txt", "2 times instead of once"),
                lambda text, _: text + text.splitlines()[0],
            ),
            (
                "annotation_that_is_missing",
                ("val_annotations.txt", "0 times instead of once"),
                lambda text, _: text.split("\n", 1)[1],
            ),
            ("annotations_of_none", ("val_annotations.txt", "0 times instead of once"), lambda *_: ""),
            (
                "annotation_that_leads_elsewhere",
                "lacks val/images/../../../etc/passwd",
                lambda text, wnid: f"{text}../../../etc/passwd\t{wnid}\n",
            ),
            ("annotations_without_end", ("val_annotations.txt", LONG), lambda text, _: text + "\t\n" * 5 * 10**6),
            ("annotations_from_windows", all_as_good, lambda text, _: text.replace("\n", "\r\n"), "utf-8-sig"),
            (
                "annotations_without_boxes",
                all_as_good,
                lambda text, _: "\n".join("\t".join(line.split("\t")[:2]) for line in text.splitlines()),
            ),
        )
    },
    layout="official",
)
