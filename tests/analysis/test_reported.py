from tensorflow.python.summary.summary_iterator import summary_iterator

from helpers.analysis import reported


def test_logged_curves_are_those_of_the_report():
    curves = reported.curves()
    assert len(curves) == 10
    assert curves["validation_accuracy"].iloc[-1] == 0.4429


def test_no_weight_of_the_pretrained_base_ever_changed():
    weights = reported.logged_weights()
    assert len(weights) == 268
    assert weights["changed"].sum() == 8


def test_tensorboard_gets_the_reported_curves(tmp_path):
    reported.write_tensorboard(tmp_path)
    reported.write_tensorboard(tmp_path)
    files = list((tmp_path / "validation").glob("events*"))
    assert len(files) == 1
    values = [value for event in summary_iterator(str(files[0])) for value in event.summary.value]
    assert sum(value.tag == "epoch_accuracy" for value in values) == 10
