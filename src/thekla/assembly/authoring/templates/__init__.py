"""Working problems that `thekla new` copies; each passes the audit."""
