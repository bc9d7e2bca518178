"""Verification: does this report fit this image, and which statement does not?

Independent witnesses, one file each, give numbers (`evidence`); a fusion turns them into one calibrated probability
(`fusion`); a line is drawn by the false alarms that one can bear (`thresholds`). `verify` asks.
"""
