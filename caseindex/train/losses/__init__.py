"""Losses, one paper per file. Similarities in, a scalar out."""
