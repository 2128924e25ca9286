"""Program to evaluation: static checks, cascade, cache, splits, and the backends that run the jobs.

The evaluation service is the only meter and the only way to a score; it never calls a language model.
"""
