"""Names of the lexicon's concepts found in words: as they stand, shared by a list, or composed of finding and organ."""
