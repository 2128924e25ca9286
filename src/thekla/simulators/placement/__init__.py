"""Serving models on GPUs: which shard lies where, how hard each GPU's memory is pressed, and what moving costs."""

from .cluster import Cluster, Gpu, Shard, fault_of, largest_pressure, moved_gb, pressures

__all__ = ["Cluster", "Gpu", "Shard", "fault_of", "largest_pressure", "moved_gb", "pressures"]
