import pytest

from helpers.core.progress import duration, epoch_line

ROW = {"accuracy": 0.21, "validation_accuracy": 0.2514, "seconds": 12.0}


def test_a_line_says_where_a_run_is():
    assert epoch_line("deep_cnn improved, seed 0", 3, 15, ROW) == (
        "deep_cnn improved, seed 0: epoch 3/15, accuracy 0.210, validation 0.251, 12 s, about 2 min left"
    )


def test_the_example_in_the_docstring_is_what_is_said():
    line = epoch_line("deep_cnn improved, seed 0", 3, 15, ROW)
    assert " ".join(epoch_line.__doc__.split()).count(line) == 1


def test_after_the_last_epoch_nothing_is_left():
    assert epoch_line("name", 5, 5, ROW).endswith("about 0 s left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (40, "40 s"), (89, "89 s"), (90, "2 min"), (720, "12 min"), (5399, "90 min"), (12240, "3.4 h")],
)
def test_durations_are_in_words(seconds, words):
    assert duration(seconds) == words
