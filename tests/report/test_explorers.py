import itertools
import json

from helpers.report import explorers


def size(files):
    return sum(file.stat().st_size for file in files)


def test_every_picture_that_a_page_may_ask_for_is_there_and_small(tmp_path):
    facts = explorers.write(tmp_path / "pictures")
    classes = {f"class_{number}.webp" for number in facts["classes"]}
    photographs, views = range(len(facts["photographs"])), range(1, facts["views"] + 1)
    drawn = itertools.product(photographs, ("report", "improved"), views)
    augmented = {f"view_{photograph}_{name}_{view}.webp" for photograph, name, view in drawn}
    plain = {f"view_{photograph}_none_1.webp" for photograph in photographs}
    assert {file.name for file in (tmp_path / "pictures").iterdir()} == classes | augmented | plain
    for pattern in ("class_*", "view_*"):
        assert size((tmp_path / "pictures").glob(pattern)) < 200_000
    assert len(facts["answers_json"]) < 200_000 and json.loads(facts["answers_json"])["n"] == facts["answers"]["n"]


def test_answers_are_counted_within_a_class_and_the_most_frequent_come_first():
    answers = explorers.answers()
    for network in answers["networks"]:
        assert len(network["named"]) == len(answers["classes"]) == len(answers["n"])
        for n, named in zip(answers["n"], network["named"], strict=True):
            counts = [count for _, count in named]
            assert counts == sorted(counts, reverse=True) and 0 < sum(counts) <= n
