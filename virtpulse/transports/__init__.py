"""Transports: one module or folder for each way to carry messages, behind one interface."""
