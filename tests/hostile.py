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


def boxes_file(source):
    wnid = first_wnid(source)
    return f"train/train/{wnid}/{wnid}_boxes.txt"


# --- names in archives -------------------------------------------------------------------------------------------


@refused("../../evil.txt", "no plain path")
def zip_slip(source):
    return zipped(source, ("../../evil.txt", "x"))


@refused("..", "no plain path")
def zip_slip_in_the_middle(source):
    return zipped(source, ("train/train/../../../evil/images/x.JPEG", "x"))


@refused("..", "no plain path")
def zip_slip_of_a_folder(source):
    return zipped(source, ("../evil/", ""))


@refused("/tmp/evil.txt", "no plain path")
def zip_with_an_absolute_path(source):
    return zipped(source, ("/tmp/evil.txt", "x"))


@refused("C:/evil.txt", "no plain path")
def zip_with_a_drive(source):
    return zipped(source, ("C:/evil.txt", "x"))


@refused("..\\evil.txt", "no plain path")
def zip_with_backslashes(source):
    return zipped(source, ("..\\evil.txt", "x"))


@refused(r"two\nlines", "no plain path")
def zip_with_a_line_break_in_a_name(source):
    return zipped(source, ("two\nlines", "x"))


@refused(r"\x1b[31mred", "no plain path")
def zip_with_terminal_codes_in_a_name(source):
    return zipped(source, ("\x1b[31mred", "x"))


@refused(r"a\tb", "no plain path")
def zip_with_a_tab_in_the_name_of_an_image(source):
    return zipped(source, (f"train/train/{first_wnid(source)}/images/a\tb.JPEG", "x"))


@refused("link or a device")
def zip_with_a_link_for_an_image(source):
    image = first_image(source)
    name = image.relative_to(source).as_posix()
    image.unlink()
    return zipped(source, (entry(name, stat.S_IFLNK | 0o777), "/etc/passwd"))


@refused("wnids.txt", "link or a device")
def zip_with_a_link_for_its_classes(source):
    return zipped(without(source, "wnids.txt"), (entry("wnids.txt", stat.S_IFLNK | 0o777), "/etc/passwd"))


@refused("pipe", "link or a device")
def zip_with_a_pipe(source):
    return zipped(source, (entry("pipe", stat.S_IFIFO | 0o644), ""))


@refused("disk", "link or a device")
def zip_with_a_device(source):
    return zipped(source, (entry("disk", stat.S_IFBLK | 0o644), ""))


@refused("no plain path")
def zip_with_a_file_without_a_name(source):
    target = zipped(source, ("~Q~", ""))  # its three letters become an extra field
    return patched(target, "~Q~", local=[(26, "<H", 0), (28, "<H", 3)], central=[(28, "<H", 0), (30, "<H", 3)])


@refused("2 files named wnids.txt")
def zip_with_two_files_of_one_name(source):
    target = zipped(source, ("wnids.tx2", "n00000000\n"))
    return replaced(target, b"wnids.tx2", b"wnids.txt")


@refused("not a complete zip", "utf-8")
def zip_with_a_name_that_is_not_the_utf8_it_claims(source):
    return replaced(zipped(source, ("ä.txt", "x")), "ä.txt".encode(), b"\xff\xfe.txt")


@tolerated(all_as_good)
def zip_with_a_name_in_an_old_code_page(source):
    target = zipped(source, ("xx.txt", "x"))
    return replaced(target, b"xx.txt", b"\x84\x94.txt")


@tolerated(all_as_good)
def zip_with_names_that_differ_only_in_case(source):
    return zipped(source, ("WNIDS.TXT", "n00000000\n"), ("Words.txt", "x\ty\n"))


@tolerated(lambda data, good: len(data.labels) == len(good.labels) + 1)
def zip_with_images_that_differ_only_in_case(source):
    image = first_image(source)
    name = image.with_suffix(".jpeg").relative_to(source).as_posix()
    return zipped(source, (name, image.read_bytes()))


@tolerated(all_as_good)
def zip_with_the_leavings_of_a_mac(source):
    return zipped(source, ("__MACOSX/._wnids.txt", "x"), (".DS_Store", "x"))


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


@refused("overlap")
def zip_whose_file_claims_the_next_one_too(source):
    target = zipped(source)
    return patched(target, an_image(target), central=[(20, "<I", 2**20)])


@refused("no wnids.txt")
def zip_in_a_zip(source):
    inner = zipped(source)
    outer = source.parent / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
    return outer


@refused("is encrypted", "without a password")
def zip_with_an_encrypted_image(source):
    target = zipped(source)
    return patched(target, an_image(target), local=[(6, "<H", 1)], central=[(8, "<H", 1)])


@refused("wnids.txt", "is encrypted")
def zip_with_encrypted_classes(source):
    return patched(zipped(source), "wnids.txt", local=[(6, "<H", 1)], central=[(8, "<H", 1)])


@refused("compressed by method 12")
def zip_compressed_by_bzip2(source):
    return zipped(source, compression=zipfile.ZIP_BZIP2)


@refused("compressed by method 14")
def zip_compressed_by_lzma(source):
    return zipped(source, compression=zipfile.ZIP_LZMA)


@refused("compressed by method 99")
def zip_compressed_by_nobody_knows_what(source):
    return patched(zipped(source), "wnids.txt", local=[(8, "<H", 99)], central=[(10, "<H", 99)])


@refused("not a complete zip")
def zip_cut_off(source):
    target = zipped(source)
    os.truncate(target, target.stat().st_size // 2)
    return target


@refused("not a complete zip")
def zip_without_its_last_bytes(source):
    target = zipped(source)
    os.truncate(target, target.stat().st_size - 7)
    return target


@refused("cannot be")
def zip_without_its_first_bytes(source):
    target = zipped(source)
    target.write_bytes(target.read_bytes()[500:])
    return target


@refused("cannot be")
def zip_with_a_hole_of_zeros(source):
    target = zipped(source)
    content = bytearray(target.read_bytes())
    content[2000:40000] = bytes(38000)
    target.write_bytes(content)
    return target


@refused("no wnids.txt")
def zip_without_files(source):
    target = source.with_suffix(".zip")
    zipfile.ZipFile(target, "w").close()
    return target


@refused("not a complete zip")
def zip_of_no_bytes(source):
    target = source.with_suffix(".zip")
    target.touch()
    return target


@refused("cannot be decoded", "{image}")
def zip_with_a_wrong_checksum_of_an_image(source):
    name = first_image(source).relative_to(source).as_posix()
    return patched(zipped(source), name, local=[(14, "<I", 7)], central=[(16, "<I", 7)])


@refused("wnids.txt", "CRC")
def zip_with_a_wrong_checksum_of_the_classes(source):
    return patched(zipped(source), "wnids.txt", local=[(14, "<I", 7)], central=[(16, "<I", 7)])


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
def zip_that_needs_a_version_of_the_future(source):
    return patched(zipped(source), "wnids.txt", central=[(6, "<H", 990)])


@refused("not a complete zip")
def zip_whose_list_lies_beyond_its_end(source):
    target = zipped(source)
    content = bytearray(target.read_bytes())
    struct.pack_into("<I", content, len(content) - 22 + 12, 2**31)
    target.write_bytes(content)
    return target


@refused("not a complete zip")
def zip64_whose_end_is_elsewhere(source):
    target = zipped(source)
    content = target.read_bytes()
    target.write_bytes(content[:-22] + struct.pack("<IIQI", 0x07064B50, 0, 2**62, 9) + content[-22:])
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
def zip_behind_a_program_that_unpacks_it(source):
    target = zipped(source)
    target.write_bytes(b"MZ" + bytes(5000) + target.read_bytes())
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


@refused("not a complete zip")
def page_of_a_login_saved_as_a_zip(source):
    target = source.with_suffix(".zip")
    target.write_text("<html>Please log in</html>")
    return target


# --- images ------------------------------------------------------------------------------------------------------


def spoilt_image(*words):
    """Refuse a source whose first image has the bytes that a function makes."""

    def register(make):
        def build(source):
            first_image(source).write_bytes(make(source))
            return source

        build.__name__ = make.__name__
        return refused("{image}", *words)(build)

    return register


def odd_image(expected):
    """Open a source whose first image is written by a function in an unusual way."""

    def register(write):
        def build(source):
            image = pixels(source)
            with first_image(source).open("wb") as file:
                write(image, file)
            return source

        build.__name__ = write.__name__
        return tolerated(first_image_is(expected))(build)

    return register


@spoilt_image("cannot be decoded")
def image_of_no_bytes(source):
    return b""


@spoilt_image("cannot be decoded")
def image_cut_off(source):
    return first_image(source).read_bytes()[:-200]


@spoilt_image("cannot be decoded")
def image_with_flipped_bits(source):
    content = bytearray(first_image(source).read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 64):
        content[place] ^= 0x55
    return bytes(content)


@spoilt_image("cannot be decoded")
def image_of_text(source):
    return b"n01443537"


@spoilt_image("cannot be decoded")
def image_that_is_a_web_page(source):
    return b"<!DOCTYPE html><script>alert(1)</script>"


@spoilt_image("cannot be decoded")
def image_that_is_a_vector_drawing(source):
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>'


@spoilt_image("cannot be decoded")
def image_that_is_a_program_in_postscript(source):
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(/tmp/evil) (w) file\n%%EOF\n"


@spoilt_image("cannot be decoded")
def image_that_is_a_pickle(source):
    return b"cos\nsystem\n(S'true'\ntR."


@spoilt_image("cannot be decoded")
def image_of_16_bits_a_channel(source):
    return png(64, 64, chunk(b"IDAT", zlib.compress(bytes(64 * 129))), bits=16, colour=0)


@spoilt_image("32 x 48 pixels")
def image_of_another_size(source):
    return png(32, 48, chunk(b"IDAT", zlib.compress(bytes(48 * 97))))


@spoilt_image("10000 x 10000 pixels")
def image_of_many_pixels(source):
    return png(10_000, 10_000, chunk(b"IDAT", zlib.compress(bytes(100))))


@spoilt_image("cannot be decoded")
def image_of_more_pixels_than_memory(source):
    return png(2**31 - 1, 2**31 - 1, chunk(b"IDAT", zlib.compress(bytes(100))))


@spoilt_image("0 x 0|cannot be decoded")
def image_without_pixels(source):
    return png(0, 0)


@spoilt_image("cannot be decoded")
def image_with_a_bomb_of_text(source):
    return png(64, 64, chunk(b"zTXt", b"note\0\0" + bomb()), chunk(b"IDAT", zlib.compress(bytes(64 * 193))))


@spoilt_image("at most 1,048,576")
def image_with_a_megabyte_behind_it(source):
    return first_image(source).read_bytes() + bytes(2**20)


def black(image):
    return np.zeros_like(image)


@odd_image(black)
def image_with_a_bomb_behind_its_pixels(image, file):
    file.write(png(64, 64, chunk(b"IDAT", bomb())))


@odd_image(lambda image: image)
def image_in_png_named_jpeg(image, file):
    image.save(file, "PNG")


@odd_image(lambda image: image)
def image_in_bmp(image, file):
    image.save(file, "BMP")


@odd_image(lambda image: image)
def image_in_tiff(image, file):
    image.save(file, "TIFF", compression="tiff_lzw")


@odd_image(lambda image: image)
def image_with_transparency(image, file):
    image.putalpha(Image.linear_gradient("L").resize((64, 64)))
    image.save(file, "PNG")


@odd_image(black)
def image_for_print(image, file):
    Image.new("CMYK", (64, 64), (0, 0, 0, 255)).save(file, "JPEG")


@odd_image(black)
def image_of_one_bit(image, file):
    Image.new("1", (64, 64)).save(file, "PNG")


@odd_image(black)
def image_that_moves_as_gif(image, file):
    frames = [Image.new("RGB", (64, 64), (level,) * 3) for level in (0, 90, 180)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])


@odd_image(lambda image: image)
def image_that_moves_as_png(image, file):
    image.save(file, "PNG", save_all=True, append_images=[Image.new("RGB", (64, 64))])


@odd_image(lambda image: image)
def image_that_asks_to_be_turned(image, file):
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(file, "PNG", exif=exif)


@refused("no images")
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


@refused("/dev/zero", "neither a file nor a folder")
def device_for_the_source(source):
    return Path("/dev/zero")


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


@refused("words.txt", "link that leads to no file inside")
def link_to_a_secret(source):
    without(source, "words.txt").joinpath("words.txt").symlink_to("/etc/passwd")
    return source


@refused("link that leads to no file inside")
def link_to_a_folder_elsewhere(source):
    folder = first_image(source).parent
    folder.rename(source.parent / "outside")
    folder.symlink_to(source.parent / "outside")
    return source


@refused("link that leads to no file inside")
def link_to_nowhere(source):
    (source / "nowhere").symlink_to(source / "gone")
    return source


@refused("link that leads to no file inside")
def link_to_a_device(source):
    (source / "zero").symlink_to("/dev/zero")
    return source


@refused("link that leads to no file inside")
def link_to_itself(source):
    (source / "loop").symlink_to("loop")
    return source


@refused("link that leads to no file inside")
def link_to_the_folder_above(source):
    (source / "train" / "again").symlink_to("..")
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


@refused("no plain path")
def file_with_a_line_break_in_its_name(source):
    (source / "two\nlines").touch()
    return source


@refused("no plain path")
def file_with_a_backslash_in_its_name(source):
    (source / "..\\evil").touch()
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


@refused("DATA must name")
def path_with_a_zero_byte(source):
    return Path(f"{source}\0.zip")


@refused("DATA must name")
def path_that_is_too_long(source):
    return source / ("x" * 5000)


# --- lists of classes and their names ----------------------------------------------------------------------------


@tolerated(all_as_good)
def classes_with_a_byte_order_mark(source):
    return rewritten(source, "wnids.txt", str, "utf-8-sig")


@tolerated(all_as_good)
def classes_with_ends_of_lines_of_windows(source):
    return rewritten(source, "wnids.txt", lambda text: text.replace("\n", " \r\n"))


@tolerated(all_as_good)
def classes_with_ends_of_lines_of_an_old_mac(source):
    return rewritten(source, "wnids.txt", lambda text: "\r\r" + text.replace("\n", "\r"))


@refused("disagree")
def classes_in_utf16(source):
    return rewritten(source, "wnids.txt", str, "utf-16")


@refused("disagree")
def classes_with_a_second_column(source):
    return rewritten(source, "wnids.txt", lambda text: text.replace("\n", "\tfish\n"))


@refused("disagree")
def classes_of_random_bytes(source):
    return rewritten(source, "wnids.txt", lambda text: np.random.default_rng(0).bytes(5000))


@refused("disagree")
def classes_of_none(source):
    return rewritten(source, "wnids.txt", lambda text: "")


@refused("a wnid repeats")
def classes_that_repeat(source):
    return rewritten(source, "wnids.txt", lambda text: text + text)


@refused("disagree", "...")
def classes_with_a_very_long_name(source):
    return rewritten(source, "wnids.txt", lambda text: text + "n" * 10**6)


@refused("wnids.txt", "at most 8,388,608")
def classes_without_end(source):
    return rewritten(source, "wnids.txt", lambda text: text + "n00000000\n" * 10**6)


@refused("disagree")
def classes_as_many_as_fit(source):
    return rewritten(source, "wnids.txt", lambda text: text + "".join(f"{n:x}\n" for n in range(3 * 10**5)))


@tolerated(class_name_is(MARKUP.split(",")[0]))
def class_name_of_markup(source):
    return rewritten(source, "words.txt", lambda text: f"{text}{first_wnid(source)}\t{MARKUP}, x\n")


@tolerated(class_name_is("<b onclick=alert(1)>"))
def class_folder_of_markup(source):
    wnid, name = first_wnid(source), "<b onclick=alert(1)>"
    (source / "train" / "train" / wnid).rename(source / "train" / "train" / name)
    for old in (source / "train" / "train" / name / "images").iterdir():
        old.rename(old.with_name(old.name.replace(wnid, name)))
    return rewritten(source, "wnids.txt", lambda text: text.replace(wnid, name))


@tolerated(class_name_is("red [31m fish"))
def class_name_with_control_characters(source):
    return rewritten(source, "words.txt", lambda text: f"{text}{first_wnid(source)}\tred\x07 \x1b[31m\tfish\n")


@tolerated(class_name_is("x \\frac"))
def class_name_that_is_a_broken_formula(source):
    return rewritten(source, "words.txt", lambda text: f"{text}{first_wnid(source)}\t$x$ $\\frac$\n")


@tolerated(class_name_is("n" * 80))
def class_name_that_is_very_long(source):
    return rewritten(source, "words.txt", lambda text: f"{text}{first_wnid(source)}\t{'n' * 10**5}\n")


@tolerated(lambda data, good: class_name_is(data.wnids[0])(data, good))
def class_name_that_is_empty(source):
    return rewritten(source, "words.txt", lambda text: f"{text}{first_wnid(source)}\t \n")


@tolerated(class_name_is("caf\ufffd"))
def class_name_that_is_not_utf8(source):
    wnid = first_wnid(source).encode()
    return rewritten(source, "words.txt", lambda text: text.encode() + wnid + b"\tcaf\xe9\n")


@tolerated(lambda data, good: class_name_is(good.class_names[1])(data, good))
def class_names_that_are_alike(source):
    def change(text):
        words = dict(line.split("\t") for line in text.splitlines())
        first, second = (source / "wnids.txt").read_text().split()[:2]
        return f"{text}{first}\t{words[second]}\n"

    return rewritten(source, "words.txt", change)


@tolerated(all_as_good)
def words_among_lines_without_sense(source):
    return rewritten(source, "words.txt", lambda text: f"\n\n\t\tx\nno tab\n{text}\0\n")


@refused("words.txt", "at most 8,388,608")
def words_without_end(source):
    return rewritten(source, "words.txt", lambda text: text + "x\ty\n" * 3 * 10**6)


# --- boxes -------------------------------------------------------------------------------------------------------


def odd_box(numbers):
    def build(source):
        def change(text):
            line, rest = text.split("\n", 1)
            return f"{line.split(chr(9))[0]}\t{numbers}\n{rest}"

        return rewritten(source, boxes_file(source), change)

    return build


for _name, _numbers in {
    "of_one_number": "7",
    "of_five_numbers": "1\t2\t3\t4\t5",
    "of_words": "a\tb\tc\td",
    "of_fractions": "1.5\t2\t3\t4",
    "below_zero": "-5\t0\t10\t10",
    "outside_of_the_image": "0\t0\t64\t63",
    "upside_down": "9\t9\t3\t3",
    "beyond_any_integer": "0\t0\t99999999999999999999\t5",
    "beyond_any_digit": f"0\t0\t5\t{'9' * 5000}",
}.items():
    TOLERATED[f"box_{_name}"] = Case(odd_box(_numbers), (), only_box_of_first_image_is_missing)


def without_boxes_of_the_first_class(data, good):
    assert (data.boxes[data.labels == 0] == -1).all()
    assert np.array_equal(data.boxes[data.labels > 0], good.boxes[data.labels > 0])


@tolerated(without_boxes_of_the_first_class)
def boxes_of_random_bytes(source):
    return rewritten(source, boxes_file(source), lambda text: np.random.default_rng(0).bytes(5000))


@tolerated(all_as_good)
def boxes_of_images_of_another_class(source):
    wnid = (source / "wnids.txt").read_text().split()[1]
    return rewritten(source, boxes_file(source), lambda text: f"{text}{wnid}_0.JPEG\t1\t2\t3\t4\n")


@tolerated(all_as_good)
def boxes_with_ends_of_lines_of_windows(source):
    return rewritten(source, boxes_file(source), lambda text: "\ufeff" + text.replace("\n", "\r\n"))


@refused("boxes.txt", "at most 8,388,608")
def boxes_without_end(source):
    return rewritten(source, boxes_file(source), lambda text: text + "x\t1\t2\t3\t4\n" * 10**6)


# --- the list of test images -------------------------------------------------------------------------------------


def sample_row(source):
    return (source / "submission_sample.csv").read_text().splitlines()[3]


@refused("submission_sample.csv", "disagree about")
def sample_that_lacks_an_image(source):
    return rewritten(source, "submission_sample.csv", lambda text: text.replace(f"{sample_row(source)}\n", ""))


@refused("submission_sample.csv", "disagree about", "2 and 1 times")
def sample_that_names_an_image_twice(source):
    return rewritten(source, "submission_sample.csv", lambda text: f"{text}{sample_row(source)}\n")


@refused("submission_sample.csv", "disagree about foreign", "1 and 0 times")
def sample_that_names_another_image(source):
    return rewritten(source, "submission_sample.csv", lambda text: f"{text}foreign,0\n")


@refused("submission_sample.csv", "../../etc/passwd")
def sample_that_leads_elsewhere(source):
    return rewritten(source, "submission_sample.csv", lambda text: f"{text}../../etc/passwd,0\n")


@refused("submission_sample.csv", "no column img_id")
def sample_without_a_header(source):
    return rewritten(source, "submission_sample.csv", lambda text: text.split("\n", 1)[1])


@refused("submission_sample.csv", "no column img_id")
def sample_of_no_bytes(source):
    return rewritten(source, "submission_sample.csv", lambda text: "")


@refused("submission_sample.csv", "disagree")
def sample_with_short_rows(source):
    return rewritten(source, "submission_sample.csv", lambda text: text.replace("img_id,label", "label,img_id"))


@refused("submission_sample.csv", "disagree")
def sample_with_an_open_quote(source):
    return rewritten(source, "submission_sample.csv", lambda text: text.replace("\n", '\n"', 1))


@refused("submission_sample.csv", "no table")
def sample_with_a_giant_cell(source):
    return rewritten(source, "submission_sample.csv", lambda text: text + "x" * 200_000)


@refused("submission_sample.csv")
def sample_of_random_bytes(source):
    return rewritten(source, "submission_sample.csv", lambda text: np.random.default_rng(0).bytes(5000))


@tolerated(all_as_good)
def sample_from_windows(source):
    return rewritten(source, "submission_sample.csv", lambda text: text.replace("\n", "\r\n"), "utf-8-sig")


@tolerated(all_as_good)
def sample_with_more_columns(source):
    return rewritten(source, "submission_sample.csv", lambda text: text.replace("img_id,label", "img_id,label,note"))


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

ANNOTATIONS = "val/val_annotations.txt"


@refused("val_annotations.txt", "names no image and class", layout="official")
def annotation_of_no_class(source):
    return rewritten(source, ANNOTATIONS, lambda text: f"{text}val_0.JPEG\t<b>\n")


@refused("val_annotations.txt", "names no image and class", layout="official")
def annotation_without_tabs(source):
    return rewritten(source, ANNOTATIONS, lambda text: text.replace("\t", " "))


@refused("val_annotations.txt", "2 times instead of once", layout="official")
def annotation_that_stands_there_twice(source):
    return rewritten(source, ANNOTATIONS, lambda text: text + text.splitlines()[0])


@refused("val_annotations.txt", "0 times instead of once", layout="official")
def annotation_that_is_missing(source):
    return rewritten(source, ANNOTATIONS, lambda text: text.split("\n", 1)[1])


@refused("val_annotations.txt", "0 times instead of once", layout="official")
def annotations_of_none(source):
    return rewritten(source, ANNOTATIONS, lambda text: "")


@refused("lacks val/images/../../../etc/passwd", layout="official")
def annotation_that_leads_elsewhere(source):
    return rewritten(source, ANNOTATIONS, lambda text: f"{text}../../../etc/passwd\t{first_wnid(source)}\n")


@refused("val_annotations.txt", "names no image and class", layout="official")
def annotations_of_random_bytes(source):
    return rewritten(source, ANNOTATIONS, lambda text: np.random.default_rng(0).bytes(5000))


@refused("val_annotations.txt", "at most 8,388,608", layout="official")
def annotations_without_end(source):
    return rewritten(source, ANNOTATIONS, lambda text: text + "\t\n" * 5 * 10**6)


@tolerated(all_as_good, layout="official")
def annotations_from_windows(source):
    return rewritten(source, ANNOTATIONS, lambda text: text.replace("\n", "\r\n"), "utf-8-sig")


@tolerated(all_as_good, layout="official")
def annotations_without_boxes(source):
    return rewritten(
        source, ANNOTATIONS, lambda text: "\n".join("\t".join(line.split("\t")[:2]) for line in text.splitlines())
    )
