# with: subset_dp.py
LEAST_ROWS = 40  # of a part that gets an order of its own


class Part:
    """A field, on some of the rows."""

    def __init__(self, field, rows):
        self.position = field.position
        values, self.codes = np.unique(np.array(field.codes)[rows], return_inverse=True)
        self.lengths = np.array(field.lengths)[values]
        self.distinct = len(values)
        self.repeated_length = self.lengths[self.codes].sum() - self.lengths.sum()


def reorder(table):
    """Rows in parts by the field that promises most to lead them, each part in the best single order of its own."""
    promises = np.array([promise(field) for field in table.fields])
    leads = promises.argmax(axis=0)
    found, sizes = np.unique(leads, return_counts=True)
    leading = found[sizes >= min(LEAST_ROWS, sizes.max())]
    leads = leading[promises[leading].argmax(axis=0)]
    rows, orders = [], []
    for lead in leading:
        mine = np.flatnonzero(leads == lead)
        own, order = reordered([Part(field, mine) for field in table.fields])
        rows.append(mine[own])
        orders.append(np.broadcast_to(order, (len(mine), len(order))))
    return np.concatenate(rows), np.concatenate(orders)


def promise(field):
    """What each row would share with others if the field came first: its length, less its part in the first reading."""
    counts = np.array(field.counts)
    return (np.array(field.lengths) * (1 - 1 / np.maximum(1, counts)))[np.array(field.codes)]
