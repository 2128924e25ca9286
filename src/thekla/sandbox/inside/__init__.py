"""Sources that run on the untrusted side: standard library only, sent to the zygote as text, never importing Thekla.

`data` and `runtime` also serve the host: one encoder for both ends, one loader for both tiers.
"""
