"""What a text encoder learns of the lexicon: its concepts as features, and its names as word pieces."""

from __future__ import annotations

from caseindex.encoders.concept_features import ConceptFeatures


def lexicon_vocabulary() -> ConceptFeatures:
    from caseindex.reports.lexicon import load_lexicon

    return ConceptFeatures(tuple(load_lexicon().concepts))


def lexicon_names() -> list[str]:
    """Every name twice: word pieces are learned of what occurs at least twice, and questions are made of names."""
    from caseindex.reports.lexicon import load_lexicon

    concepts = load_lexicon().concepts.values()
    return [name for concept in concepts for names in concept.names.values() for name in names] * 2
