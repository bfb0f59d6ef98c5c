"""Tables, claims, the model card, pages, and the generated parts of README."""
