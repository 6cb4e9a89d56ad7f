"""What happened in each minute, counted for charts: gathered by the functions, written rarely, read for a span."""
