"""Samplers, losses, miners, one loop, recipes."""
