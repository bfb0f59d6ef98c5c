import hashlib
from datetime import UTC, datetime, timedelta

from helpers.core import paths, provenance


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
