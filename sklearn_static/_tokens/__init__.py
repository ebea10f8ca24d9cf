"""Texts to token bags, and token bags to embeddings."""
