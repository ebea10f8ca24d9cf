"""A head's layers in numpy: what they compute, how they are stored, their bounds."""
