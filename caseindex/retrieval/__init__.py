"""Search, identity, verification, calibration."""
