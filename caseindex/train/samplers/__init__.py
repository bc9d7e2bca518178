"""Samplers compose batches; each is a pure function of seed and epoch, so that a resumed run repeats nothing."""
