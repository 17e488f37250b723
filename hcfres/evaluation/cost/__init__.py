"""What a method costs (Table IV): parameters, latency by part, memory, the encoders' one-off."""
