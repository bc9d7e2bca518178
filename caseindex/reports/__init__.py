"""Text -> sections -> statements, in Russian, English and Chinese.

``statements.py`` is the way in. It calls, each importing only those after it: ``sides`` and ``scope`` (what a sentence says of a
finding), ``lexicon.py`` and ``names`` (which findings a text names), ``text`` (its words). ``labels`` and ``planting`` are
made from statements; ``data`` holds the lexicon, the cues and what is derived from the lexicon.
"""
