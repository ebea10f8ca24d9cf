"""Models as folders: files, their formats, model cards and the Hugging Face Hub."""
