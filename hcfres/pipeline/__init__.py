"""The stages of preparation, from scans and frames to what the network is given."""
