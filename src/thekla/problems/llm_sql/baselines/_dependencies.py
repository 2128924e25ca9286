# with: ggr.py
class Joined:
    """Fields that follow each other everywhere, as one."""

    def __init__(self, position, members):
        self.position = position
        self.members = members
        keys = list(zip(*[field.codes for field in members], strict=True))
        found = sorted(set(keys))
        number = {key: code for code, key in enumerate(found)}
        self.codes = [number[key] for key in keys]
        self.values = ["".join(field.values[code] for field, code in zip(members, key, strict=True)) for key in found]
        self.lengths = [sum(field.lengths[code] for field, code in zip(members, key, strict=True)) for key in found]
        self.distinct = len(found)


class JoinedTable:
    """A table of such fields."""

    def __init__(self, rows, fields):
        self.rows = rows
        self.fields = fields


ungrouped = reorder


def reorder(table):
    """The same over groups of fields: those that another one determines follow it."""
    groups = [Joined(position, members) for position, members in enumerate(dependent(table))]
    rows, orders = ungrouped(JoinedTable(table.rows, groups))
    members = [[field.position for field in group.members] for group in groups]
    return rows, [[one for group in order for one in members[group]] for order in orders.tolist()]


def dependent(table):
    """Groups of fields, each headed by one whose value determines the others'."""
    groups = []
    for field in sorted(table.fields, key=lambda each: (-each.distinct, each.position)):
        heads = [group for group in groups if table.combinations([group[0], field]) == group[0].distinct]
        grouped = [group for group in heads if group[0].distinct <= DISTINCT_SHARE * table.rows]
        if grouped:
            min(grouped, key=lambda group: group[0].distinct).append(field)
        else:
            groups.append([field])
    return groups
