"""Sentences: RoBERTa's token features, parses in two ways, and the token maps."""

import os

# Before anything imports transformers: weights are local files, nothing is ever downloaded.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
