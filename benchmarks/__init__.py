"""What async tests cost: with this plugin, without it, and with others.

``python -m benchmarks`` in the root of the checkout runs everything; see `benchmarks.__main__`.
"""
