"""Rows and fields as they come."""


def reorder(table):
    fields = list(table.fields)
    rows = list(range(table.rows))
    return rows, [field.position for field in fields]
