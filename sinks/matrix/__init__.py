"""A chat bot in rooms of a Matrix homeserver."""
