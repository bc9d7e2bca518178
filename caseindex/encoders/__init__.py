"""Image and text encoders, one catalogue, safetensors checkpoints with their configuration."""
