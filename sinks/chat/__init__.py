"""Rooms and inboxes of the chat services that apprise knows."""
