"""Benchmarks: programs that measure the hub and a baseline in one run, and print ratios.

`make bench` runs them and writes build/bench.json; docs/benchmarks.md says how to read it. They are
no tests: nothing asserts on time. Each family of figures is a module here that declares its
benches (`goals.Bench`); what one of them measures runs in a process of its own (`scene`).
"""
