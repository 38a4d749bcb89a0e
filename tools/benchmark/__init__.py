"""The benchmark: scenes, measurements, and what tells a difference from noise. tools/bench runs it, README.md explains it."""
