"""What memory is doing, and what to do about it: the meter, the monitor, the queue and its policy."""
