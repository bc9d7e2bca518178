"""Published sets of labels, derived from the statements of a report. One file for each set, with its definition."""
