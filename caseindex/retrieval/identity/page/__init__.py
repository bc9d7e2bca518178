"""The audit's page: findings side by side, in words, with what to do and buttons to decide."""
