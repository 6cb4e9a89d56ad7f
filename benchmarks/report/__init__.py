"""How what was measured is kept, and how docs/benchmarks.md is made of it."""
