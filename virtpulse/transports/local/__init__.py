"""The embedded transport: a durable log in one SQLite file, without a server. `transport.py` is its front.

Positions are contiguous and start at 0 in each topic; there is one partition, 0. Several processes may use one file, all
on one machine. Leases, and so fencing, go by the machine's steady clock: setting the system clock only shifts the
append times of messages and what `max_age` removes.
"""
