"""The network of Fig. 3, one file a box; `network.py` wires, `build.py` knows the sizes."""
