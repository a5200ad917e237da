"""What every role relies on: running and stopping, retry, batches, dead letters, counters."""
