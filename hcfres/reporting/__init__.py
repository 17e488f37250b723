"""Tables, figures and pages, made from one frame of results."""
