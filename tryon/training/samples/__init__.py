"""Training samples of each network, drawn anew in every epoch."""
