"""Shops with a known truth, to test everything else against.

`shop.simulate_shop` is the way in: it draws people (`people`) from latent segments (`segments`), lets them
live (`behaviour`), be marketed to (`campaigns`), leave traces (`events`), and hands those traces over as real
sources do, late, twice and broken (`mess`). `truth` is what only a simulator can know.
"""
