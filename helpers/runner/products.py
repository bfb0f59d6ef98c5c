"""What the chosen runs leave: network, submission, curves. The report's released code leaves these three."""

from helpers.config.families import find_family_name
from helpers.experiment import Experiment
from helpers.report import evaluations


def product_lines(lab: Experiment) -> list[str]:
    """A line for each product of the finished runs that MODELS and RECIPES leave in, with its whole path.

    Args:
        lab: the experiment; its submissions are of the first seed.
    """
    lines = []
    for run in (run for run in lab.finished() if lab.is_chosen(run.model, run.recipe)):
        name = f"{run.title}, seed {run.seed}"
        lines.append(f"{name}: network: {run.network_file if run.has_model() else 'not kept, only its record'}")
        submission = evaluations.submission_file(lab.output, run)
        if run.seed == lab.seed and submission.exists():
            lines.append(f"{name}: submission: {submission}")
        family = find_family_name(run.settings.network)
        for curves in sorted(lab.output.glob(f"figure_*_{family}.png")):
            lines.append(f"{name}: curves: {curves}")
    return lines
