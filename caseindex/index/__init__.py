"""The only door to LMDB and FAISS: durable records and vectors, derived search structures."""
