"""`hcfres tune`: the only files that know Optuna."""
