"""Solution Generator: a ticket becomes a proposal. Nothing in here scores; generators are imported by name."""
