"""Left, right or both: the side of each finding, said beside it or carried over from elsewhere in the sentence."""
