"""Small tools for every wing, of which this one imports none."""
