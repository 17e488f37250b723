"""A page about a setting's dataset: counts, histograms, anomalies, pictures."""
