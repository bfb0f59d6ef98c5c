import hashlib
from datetime import UTC, datetime, timedelta

import pytest

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


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 0),
        ({"slice/cpu.max": "300000 100000", "slice/job/cpu.max": "max 100000"}, 3),
        ({"other/cpu.max": "100000 100000"}, 0),
        ({}, 0),
    ],
)
def test_the_quota_of_a_container_is_the_least_of_its_groups(limits, cores, tmp_path):
    for name, text in limits.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text("1:cpu:/older\n0::/slice/job\n")
    assert provenance.core_quota(tmp_path / "groups", tmp_path / "own") == cores


def test_cores_follow_the_quota(monkeypatch):
    monkeypatch.setattr(provenance, "core_quota", lambda: 1)
    assert provenance.cores() == 1 and provenance.hardware().endswith(" 1 cores")


def test_utc_now_is_in_utc_to_the_second():
    now = datetime.fromisoformat(provenance.utc_now())
    assert now.utcoffset() == timedelta(0) and now.microsecond == 0
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=1)
