"""The rules of the house as tests: linters, layers, sizes, words, documents, units."""
