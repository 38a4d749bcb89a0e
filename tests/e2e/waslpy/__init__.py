"""A second implementation of Wasl's protocol, from proto/README.md alone.

It shares no code with the C: what both agree on is what the page says. Tests use it as an adapter or a bus that can
also lie, and to verify what auditors export.
"""
