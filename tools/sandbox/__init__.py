"""Composes a whole Wasl on one machine: keys, registry, databases, bus, adapters. The demo and the end-to-end tests
stand on it; nothing of it runs in production."""
