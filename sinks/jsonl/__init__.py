"""Files of JSON lines that rotate by size and age."""
