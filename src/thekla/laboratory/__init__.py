"""The strategy laboratory: strategies on problems by formula, with a synthetic model for proposals."""
