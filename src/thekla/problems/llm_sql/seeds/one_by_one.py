"""Fields one after another as they come, then rows sorted by them."""


def reorder(table):
    fields = []
    left = list(table.fields)
    while left:
        best = left[0]
        left.remove(best)
        fields.append(best)
    rows = table.sorted_rows(fields)
    return rows, [field.position for field in fields]
