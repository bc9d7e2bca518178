"""A report's text taken apart: language, sections, sentences, words with their normal forms, slips of the hand put right."""
