"""The messages that roles exchange, as typed values, and their wire form: JSON, one document or an array of one kind."""
