"""The command line: train, predict, evaluate and explain from files."""
