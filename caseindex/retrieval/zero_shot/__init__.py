"""Sentences score images: no labels, no report of the image needed."""
