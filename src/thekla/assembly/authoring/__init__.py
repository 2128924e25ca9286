"""Writing problems: folders to begin with, and what a folder still lacks."""
