from tensorflow.python.summary.summary_iterator import summary_iterator

from helpers.analysis import reported


def test_logged_curves_are_those_of_the_report():
    curves = reported.curves()
    assert len(curves) == 10
    assert curves["validation_accuracy"].iloc[-1] == 0.4429


def test_curves_read_off_the_figures_are_one_row_an_epoch():
    assert [len(reported.figure_curves(model)) for model in ("shallow_cnn", "shallow_cnn_l2", "deep_cnn")] == [
        3,
        10,
        21,
    ]
    last = reported.figure_curves("deep_cnn").iloc[-1]
    assert last.to_dict() == {
        "epoch": 21,
        "train_accuracy": 0.309,
        "train_loss": 2.79,
        "validation_accuracy": 0.2555,
        "validation_loss": 3.11,
    }


def test_the_report_s_split_favours_one_class_in_training():
    drawn = reported.split()
    assert (drawn.n_train, drawn.n_validation, drawn.most_frequent) == (40_000, 10_000, 81)
    assert (drawn.in_train, drawn.in_validation) == (421, 79) and drawn.constant_answer == 0.0079


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
