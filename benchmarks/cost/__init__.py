"""What the service costs at list prices: calls, units and bytes counted, never timed."""
