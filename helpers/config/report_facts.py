"""What the report states, as data with its source. Every reference value in tables and figures comes from here."""

from helpers.config.families import MODELS, Reported

# By model; the values and their source stand with the families.
REPORTED: dict[str, Reported] = {name: model.reported for name, model in MODELS.items()}
REPORTED_RATE = 0.01  # learning rate of its two networks from scratch, by its text
# Its code's split: 500 images of each class in class order, `train_test_split(test_size=0.2, random_state=42)`.
REPORTED_SPLIT_CLASSES, REPORTED_SPLIT_PER_CLASS, REPORTED_SPLIT_SHARE = 100, 500, 0.2
