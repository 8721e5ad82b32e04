"""Draw random training samples for each network, new ones in every epoch."""
