"""Scenes, frames, sentences and batches as values; readers and writers of ScanNet's layout."""
