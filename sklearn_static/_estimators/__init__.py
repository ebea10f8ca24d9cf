"""What the estimators share: targets, the split, and the two ways to fit."""
