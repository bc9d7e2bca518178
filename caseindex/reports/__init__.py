"""Text -> sections -> statements, in Russian, English and Chinese."""
