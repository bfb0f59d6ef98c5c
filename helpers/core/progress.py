"""Progress of a run: at most one line an epoch."""


def epoch_line(name: str, done: int, epochs: int, row: dict[str, float]) -> str:
    """A line after an epoch.

    Args:
        name: of the run.
        done: epochs completed.
        epochs: of the whole run.
        row: `accuracy`, `validation_accuracy`, `seconds` of the epoch.

    Returns:
        For example "deep_cnn improved, seed 0: epoch 3/15, accuracy 0.210, validation 0.251, 12 s, about 2 min left".
    """
    return (
        f"{name}: epoch {done}/{epochs}, accuracy {row['accuracy']:.3f}, validation {row['validation_accuracy']:.3f}, "
        f"{row['seconds']:.0f} s, about {duration((epochs - done) * row['seconds'])} left"
    )


def duration(seconds: float) -> str:
    """Seconds as text: "40 s", "12 min", "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
