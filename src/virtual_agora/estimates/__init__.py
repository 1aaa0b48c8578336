"""What a session takes, told before it begins or before it ends. Nothing here calls a model."""
