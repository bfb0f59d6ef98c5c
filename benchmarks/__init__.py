"""Speed against the report's way, measured side by side; run by `make bench`."""

import helpers  # noqa: F401 - it loads TensorFlow quietly, before anything else does
