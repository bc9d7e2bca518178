"""Nearest neighbours by cosine: exact (`flat`) and approximate (`hnsw`, `ivf`), each saved with a manifest.

Every implementation normalises vectors itself, answers with exact similarities, orders equal ones by id, and applies a
filter before the search. faiss is imported inside the functions that use it.
"""
