from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.data import wordnet

CAT, DOG, REEL = ("cat", "animal", "thing"), ("dog", "animal", "thing"), ("reel", "thing")
DISTANCE = wordnet.distances([CAT, REEL, DOG])


def test_distance_by_hand():
    assert DISTANCE[0, 2] == pytest.approx(1 - 2 * 2 / 6)
    assert DISTANCE[0, 1] == pytest.approx(1 - 2 * 1 / 5)
    assert np.array_equal(DISTANCE, DISTANCE.T) and not DISTANCE.diagonal().any()


def test_order_keeps_near_classes_together():
    order = wordnet.order(DISTANCE).tolist()
    assert sorted(order) == [0, 1, 2]
    assert abs(order.index(0) - order.index(2)) == 1


def test_groups_cut_the_order_and_are_named_by_what_their_classes_share(tiny):
    assert wordnet.groups([CAT, REEL, DOG], most=2) in ([("animal", 2), ("reel", 1)], [("reel", 1), ("animal", 2)])
    photographs = wordnet.class_paths(replace(tiny, wnids=["n02124075", "n02123045", "n04067472"]))
    assert sorted(wordnet.groups(photographs, most=2)) == [("domestic cat", 2), ("reel", 1)]


def test_each_class_has_the_name_of_its_group():
    assert wordnet.group_of_each([CAT, REEL, DOG], most=2) == ["animal", "reel", "animal"]


def test_a_group_above_another_one_has_what_is_left():
    artifacts = [(*names, "artifact", "thing") for names in (("saw", "tool"), ("axe", "tool"), ("wall",), ("roof",))]
    plants = [(name, "plant", "thing") for name in ("oak", "elm")]
    assert sorted(wordnet.groups(artifacts + plants, most=2)) == [("artifact", 4), ("plant", 2)]
    assert sorted(wordnet.groups(artifacts + plants, most=3)) == [("other artifact", 2), ("plant", 2), ("tool", 2)]


def test_severity_tells_near_mistakes_from_far_ones():
    labels = np.array([0, 0, 2, 1])
    near, far = (wordnet.severity(np.array(p), labels, DISTANCE) for p in ([2, 0, 0, 1], [1, 0, 1, 1]))
    assert near["mistakes"] == far["mistakes"] == 2
    assert near["mean_distance"] == pytest.approx(DISTANCE[0, 2]) and far["mean_distance"] == pytest.approx(
        DISTANCE[0, 1]
    )
    assert near["blind_distance"] == far["blind_distance"] == pytest.approx((DISTANCE[0, 1] + DISTANCE[0, 2]) / 2)
    assert near["low"] == near["mean_distance"] == near["high"]  # both of its mistakes are as far
    mixed = wordnet.severity(np.array([2, 1, 2, 1]), labels, DISTANCE)
    assert mixed["low"] < mixed["mean_distance"] < mixed["high"]
    assert np.isnan(list(wordnet.severity(labels, labels, DISTANCE).values())[1:]).all()


def test_the_table_leads_from_100_classes_to_one_root():
    table = pd.read_csv(wordnet.TABLE)
    assert table["wnid"].is_unique and table["parent"].isna().sum() == 1
    assert set(table["parent"].dropna()) <= set(table["wnid"])
    assert len(set(table["wnid"]) - set(table["parent"])) == 100
    assert table.loc[table["parent"].isna(), "name"].tolist() == ["entity"]


def test_photographs_follow_wordnet_and_the_demo_its_names(tiny):
    leaves = ["n02124075", "n02123045", "n04067472"]  # Egyptian cat, tabby, reel
    photographs = replace(tiny, wnids=leaves)
    distance = wordnet.distances(wordnet.class_paths(photographs))
    assert distance[0, 1] < 0.2 < distance[0, 2]
    assert wordnet.class_paths(replace(tiny, wnids=["n02124075", "x"])) is None
    demo = replace(
        tiny,
        is_demo=True,
        class_names=["red plain star with six points", "red and rose dotted polygon with three corners (2)"],
    )
    first, second = wordnet.class_paths(demo)
    assert first[1:] == ("plain star with six points", "star with six points", "star", "object")
    assert second[1:3] == ("dotted polygon with three corners", "polygon with three corners")


def test_wordnet_files_are_read(tmp_path):
    lines = [
        "  1 This software and database is being provided",
        "00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | what is",
        "00000002 03 n 02 animal 0 beast 0 001 @ 00000001 n 0000 | that moves",
        "00000003 03 n 01 house_cat 0 002 @ 00000002 n 0000 @ 00000001 n 0000 | @ home",
        "00000004 03 n 01 stone 0 001 @ 00000001 n 0000 | lies",
    ]
    (tmp_path / "data.noun").write_text("\n".join(lines))
    table = wordnet.read_wordnet(tmp_path, ["n00000003"])
    assert table["wnid"].tolist() == ["n00000001", "n00000002", "n00000003"]
    assert table["parent"].tolist()[1:] == ["n00000001", "n00000002"] and table["name"].iloc[2] == "house cat"
