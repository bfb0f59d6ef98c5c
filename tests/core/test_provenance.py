import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from helpers.core import paths, provenance

SOURCE = '''"""What it does."""

def double(x):
    """Twice x."""
    return x * 2  # exact


class Box:
    """Holds things."""

    size = 3
'''


@pytest.fixture
def code_hash_of(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    (tmp_path / "helpers" / "networks").mkdir(parents=True)

    def code_hash_of(source, name="module"):
        (tmp_path / "helpers" / f"{name}.py").write_text(source)
        return provenance.code_hash.__wrapped__(name)  # past the cache

    return code_hash_of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# exact", "# something else"),
        ("  # exact", ""),
        ("Twice x.", "Two times x."),
        ('    """Twice x."""\n', ""),
        ("Holds things.", "Keeps things."),
        ("What it does.", "Other words."),
        ("\n\n\nclass", "\n\nclass"),
        ("(x):", "( x ):"),
    ],
)
def test_code_hash_ignores_comments_docstrings_and_layout(code_hash_of, old, new):
    assert old in SOURCE
    assert code_hash_of(SOURCE.replace(old, new)) == code_hash_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"), [("* 2", "* 3"), ("double", "twice"), ("size = 3", "size = 4"), ("return x", "return -x")]
)
def test_code_hash_notices_changes_of_code(code_hash_of, old, new):
    assert old in SOURCE
    assert code_hash_of(SOURCE.replace(old, new)) != code_hash_of(SOURCE)


def test_code_hash_notices_a_string_that_is_no_docstring(code_hash_of):
    assert code_hash_of("x = 1\nNAME = 'a'\n") != code_hash_of("x = 1\nNAME = 'b'\n")


def test_code_hash_reads_modules_of_packages_and_each_of_several(code_hash_of):
    assert code_hash_of(SOURCE, "networks/deep") == code_hash_of(SOURCE)
    code_hash_of("x = 1\n", "other")
    both = provenance.code_hash.__wrapped__("module", "other")
    code_hash_of("x = 2\n", "other")
    assert provenance.code_hash.__wrapped__("module", "other") != both


def test_code_hash_of_a_missing_module_is_an_error(code_hash_of):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        provenance.code_hash.__wrapped__("nowhere")


def test_file_hash_is_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 1000)
    assert provenance.file_hash(tmp_path / "file") == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_digest_is_stable_between_sessions_and_in_the_order_of_keys():
    assert provenance.digest([1, "a", 2.5, None]) == "ccf0d5ebdf35bd40"
    assert provenance.digest({"a": 1, "b": 2}) == provenance.digest({"b": 2, "a": 1})


def test_digest_tells_values_apart():
    values = [[1, 2], [2, 1], [12], "12", {"a": 1}, {"a": 2}, {"b": 1}, None, 0.1]
    assert len({provenance.digest(value) for value in values}) == len(values)


def test_versions_name_what_decides_a_result():
    versions = provenance.versions()
    assert {"python", "tensorflow", "keras", "numpy"} <= set(versions)
    assert versions["keras"].startswith("3.")


def test_code_version_outside_a_checkout_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.code_version() == "unknown"


def test_hardware_counts_cores():
    assert provenance.hardware().split(", ")[-1].removesuffix(" cores").isdigit()


def test_utc_now_is_in_utc_to_the_second():
    now = datetime.fromisoformat(provenance.utc_now())
    assert now.utcoffset() == timedelta(0) and now.microsecond == 0
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)
