"""Fuzz the readers of a source, guided by coverage. Run by `make fuzz`.

Each reader gets a process of its own, since a fuzzer never returns. Whatever is no `InputError` and no good result is a
finding: an exception of another kind, a crash, ten seconds for one input, or a gigabyte of memory. Inputs that reached new
code are kept below `build/fuzz/`, so that the next call goes on from them; findings lie there too, named `<reader>-crash-...`.
"""

import io
import itertools
import json
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated
from unittest.mock import MagicMock

import atheris
import numpy as np
import typer

sys.modules["tensorflow"] = MagicMock()  # half a gigabyte and many seconds, and no reader needs it
sys.modules.pop("zipfile", None)  # loaded already, and to be watched as well
with atheris.instrument_imports(
    include=["zipfile", "PIL", "helpers.data.archive", "helpers.data.layouts", "helpers.data.decoding"]
):
    import zipfile

    from PIL import Image

    from helpers.core import paths
    from helpers.core.errors import InputError
    from helpers.data import archive, decoding, layouts

    Image.init()

_SECONDS_FOR_ONE = 10
_MOST_MEMORY = 1024  # MiB beyond what the libraries take
_WNIDS = ("n01443537", "n01629819")
_FOLDER = paths.BUILD / "fuzz"


class _Files(archive.Files):
    """The files of a source, held in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._content = files
        super().__init__(Path("given"), {name: len(content) for name, content in files.items()})

    def _open(self, name: str) -> io.BytesIO:
        return io.BytesIO(self._content[name])


def _picture(format: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)).resize((64, 64))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def _source(layout: str) -> dict[str, bytes]:
    """The smallest good source of a layout."""
    image, folder = _picture(), "train/train" if layout == "kaggle" else "train"
    files = {
        "wnids.txt": "\n".join(_WNIDS).encode(),
        "words.txt": f"{_WNIDS[0]}\tgoldfish, Carassius auratus\n{_WNIDS[1]}\tEuropean fire salamander\n".encode(),
    }
    for wnid in _WNIDS:
        files[f"{folder}/{wnid}/images/{wnid}_0.JPEG"] = image
        files[f"{folder}/{wnid}/{wnid}_boxes.txt"] = f"{wnid}_0.JPEG\t0\t10\t63\t58\n".encode()
    if layout == "kaggle":
        files |= {"submission_sample.csv": b"img_id,label\nb,0\na,0\n", "test/test/images/a.jpg": image}
        return files | {"test/test/images/b.jpg": image}
    annotations = f"val_1.JPEG\t{_WNIDS[1]}\t0\t32\t44\t62\nval_0.JPEG\t{_WNIDS[0]}\t1\t2\t3\t4\n"
    return files | {
        "val/val_annotations.txt": annotations.encode(),
        "val/images/val_0.JPEG": image,
        "val/images/val_1.JPEG": image,
    }


def _zip(files: dict[str, bytes], compression: int, prefix: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(prefix + name, content)
    return buffer.getvalue()


def _read(files: archive.Files) -> None:
    """Read everything of a source as opening it does."""
    found = layouts.contents(files)
    n = len(found.labelled)
    assert len(found.labels) == n and layouts.boxes(files, found.labelled).shape == (n, 4)
    names = layouts.class_names(files, found.wnids)
    assert len(names) == len(found.wnids) and all(name.isprintable() for name in names)
    assert len(found.official) == len(found.official_labels)
    assert len(found.unlabelled) == len(found.unlabelled_names) == len(set(found.unlabelled_names))


def _read_zip(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=_shared_memory(), suffix=".zip") as file:
        file.write(content)
        file.flush()
        with archive.open_files(Path(file.name)) as files:
            files.fingerprint()
            _read(files)
            decoded = Path(file.name).with_suffix(".npy")
            try:
                decoding._decode_part(files, layouts.contents(files).labelled, decoded, {})
            finally:
                decoded.unlink(missing_ok=True)


def _shared_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _read_text(layout: str, name: str, content: bytes) -> None:
    with _Files(_source(layout) | {name: content}) as files:
        _read(files)


def _decode(content: bytes) -> None:
    try:
        pixels, is_grey = decoding._decode_image(content, "image")
    except Exception as error:  # as for a source, where such an image is listed or left out; decoders raise many kinds
        if isinstance(error, MemoryError | AssertionError):
            raise
        return
    assert pixels.shape == (64, 64, 3) and pixels.dtype == np.uint8 and is_grey in (True, False)


_FORMATS = [
    ("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"),
    ("GIF", "P"), ("BMP", "RGB"), ("TIFF", "RGB"), ("TIFF", "CMYK"),
]  # fmt: skip


def _box_name(layout: str) -> str:
    return next(name for name in _source(layout) if name.endswith("_boxes.txt"))


def _texts(layout: str, name: str) -> tuple:
    good = _source(layout)[name]
    windows = b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n")
    return (lambda content: _read_text(layout, name, content)), lambda: [good, windows, good * 2, b""]


def _archives() -> list[bytes]:
    kinds = itertools.product(("kaggle", "official"), (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), ("", "tiny/"))
    return [_zip(_source(layout), compression, prefix) for layout, compression, prefix in kinds]


def _pictures() -> list[bytes]:
    plain = [_picture(format, mode) for format, mode in _FORMATS]
    progressive = _picture(quality=30, progressive=True)
    compressed = [_picture("TIFF", compression=kind) for kind in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")]
    return [*plain, progressive, *compressed]


# Of each reader, what is called with bytes, and what makes the seeds.
READERS = {
    "zip": (_read_zip, _archives),
    "wnids": _texts("kaggle", "wnids.txt"),
    "words": _texts("kaggle", "words.txt"),
    "boxes": _texts("kaggle", _box_name("kaggle")),
    "sample": _texts("kaggle", "submission_sample.csv"),
    "annotations": _texts("official", "val/val_annotations.txt"),
    "image": (_decode, _pictures),
}


def main(
    seconds: Annotated[int, typer.Option(help="in all")] = 600,
    readers: Annotated[str, typer.Option(help="separated by commas")] = ",".join(READERS),
    only: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Fuzz every reader for its share of the time, and print how many inputs each was given; fail where one was a finding."""
    if only:
        _fuzz(only, seconds)
    executions, findings = {}, []
    chosen = readers.split(",")
    for reader in chosen:
        executions[reader], found = _in_own_process(reader, seconds // len(chosen))
        findings += found
        print(f"{reader}: {executions[reader]:,} executions{', a finding' if found else ''}", flush=True)
    for finding in findings:
        print(finding)
    counts = {"seconds": seconds, "executions": executions, "findings": len(findings)}
    command = [sys.executable, str(Path(__file__).with_name("reliability.py")), "fuzzing", json.dumps(counts)]
    subprocess.run(command, cwd=paths.ROOT, check=True)
    print(json.dumps(counts))
    raise SystemExit(len(findings) > 0)


def _fuzz(reader: str, seconds: int) -> None:
    """Does not return."""
    call, seeds = READERS[reader]
    corpus = _FOLDER / reader
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed_{number}").write_bytes(seed)

    def one_input(content: bytes) -> None:
        try:
            call(content)
        except InputError as error:
            message = str(error)
            assert message.isprintable() and message.endswith("."), message

    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 + _MOST_MEMORY
    options = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={memory}", f"-timeout={_SECONDS_FOR_ONE}", "-max_len=65536",
        f"-artifact_prefix={_FOLDER}/{reader}-", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
    atheris.Fuzz()


def _in_own_process(reader: str, seconds: int) -> tuple[int, list[str]]:
    """Executions, and what was found."""
    command = [sys.executable, __file__, "--only", reader, "--seconds", str(seconds)]
    done = subprocess.run(command, cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    counted = re.search(r"number_of_executed_units:\s+(\d+)", text)
    return int(counted[1]) if counted else 0, [f"{reader}:\n{text[-3000:]}"] if done.returncode or not counted else []


if __name__ == "__main__":
    typer.run(main)
