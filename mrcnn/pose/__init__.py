"""BlazePose: find people in a photo, and the landmarks of one body."""
