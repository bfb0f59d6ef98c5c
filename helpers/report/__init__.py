"""Tables, claims, the model card, pages, the paper, and the generated parts of README, docs/ and notebooks."""
