"""Benchmarks: each prints a table of ratios, measured on the machine it runs on."""
