"""What several tests, and the benchmarks, measure and build with."""
