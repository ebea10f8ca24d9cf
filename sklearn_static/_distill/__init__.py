"""A sentence transformer's table and tokenizer."""
