"""The gallery: one folder per problem, as data and small files."""
