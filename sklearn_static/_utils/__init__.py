"""Small tools that every part may use; nothing here imports from the other parts."""
