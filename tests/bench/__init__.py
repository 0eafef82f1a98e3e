"""Benchmarks: programs that measure the hub and a baseline in one run, and print ratios.

`make bench` runs them and writes build/bench.json. They are no tests: nothing asserts on time.
"""
