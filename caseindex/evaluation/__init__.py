"""Metrics in numpy, bootstrap by patient, benchmark protocols."""
