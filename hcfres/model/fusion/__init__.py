"""Progressive multi-level fusion (Sec. III-D): `fusion.py` wires, `registry.py` names variants."""
