"""What a step is judged by (Sec. III-E): matching, the loss terms, their sum."""
