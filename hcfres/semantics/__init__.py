"""Hierarchical Visual Semantic Decomposition (Sec. III-C): SAM, CLIP, pooling, lifting."""
