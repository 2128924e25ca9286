"""What `thekla lakehouse init` writes, as it is written."""
