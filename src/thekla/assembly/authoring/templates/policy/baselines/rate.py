"""Pages that were asked for once go first, the oldest of them; then the one with fewest uses for its age."""


def evict(pages):
    once = [page for page in pages if page.uses == 1]
    if len(once) > 6:
        return max(once, key=lambda page: page.age)
    return min(pages, key=lambda page: page.uses / (page.age + 8))
