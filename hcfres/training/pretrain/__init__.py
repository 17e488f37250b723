"""How the tiny SAM, the tiny CLIP and the U-Net were trained on rooms, and examined."""
