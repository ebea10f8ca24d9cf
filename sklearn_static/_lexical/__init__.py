"""Words in bags of tokens, the vocabulary that texts have, and what words weigh."""
