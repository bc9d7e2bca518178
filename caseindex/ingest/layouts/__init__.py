"""One small file per data set layout."""
