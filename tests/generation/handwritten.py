"""Answers written by hand in the manner of chat models, each with the program that it means (None if it holds none)."""

from __future__ import annotations

PARENT = '''"""Serves waiting jobs."""

LIMIT = 8


def init(s):
    s.waiting = []
    s.sizes = {}


def weight(job):
    # queries first
    if job.priority == 1:
        return 10
    return 1


def schedule(s, results, pipelines):
    s.waiting.extend(pipelines)
    out = []
    for pool in s.pools:
        free = pool.free_gb
        for job in list(s.waiting):
            size = s.sizes.get(job.id, 4)
            if size > free:
                continue
            out.append((job, pool, size))
            free -= size
            s.waiting.remove(job)
            if len(out) >= LIMIT:
                break
    return [], out
'''


def replaced(*pairs: tuple[str, str]) -> str:
    """The parent with some texts replaced."""
    text = PARENT
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


_SORTED = ("    out = []\n", "    s.waiting.sort(key=weight)\n    out = []\n")

ANSWERS: dict[str, tuple[str, str | None]] = {
    "two edits with headings and a summary": (
        """### Analysis
Long jobs at the head block everything behind them, so I will sort.

### Change 1: sort the queue
```python
<<<<<<< SEARCH
    s.waiting.extend(pipelines)
    out = []
=======
    s.waiting.extend(pipelines)
    s.waiting.sort(key=weight)
    out = []
>>>>>>> REPLACE
```

### Change 2: smaller default
```python
<<<<<<< SEARCH
            size = s.sizes.get(job.id, 4)
=======
            size = s.sizes.get(job.id, 2)
>>>>>>> REPLACE
```

**Summary**: sorted by weight, and a default of 2 GB.
""",
        replaced(_SORTED, ("job.id, 4", "job.id, 2")),
    ),
    "quotation without the inner indentation of its first line": (
        """<<<<<<< SEARCH
if size > free:
                continue
=======
if size > free:
                break
>>>>>>> REPLACE""",
        replaced(("                continue\n", "                break\n")),
    ),
    "quotation that leaves out a comment": (
        """<<<<<<< SEARCH
def weight(job):
    if job.priority == 1:
        return 10
    return 1
=======
def weight(job):
    return {1: 10, 2: 5}.get(job.priority, 1)
>>>>>>> REPLACE""",
        replaced(
            (
                "    # queries first\n    if job.priority == 1:\n        return 10\n    return 1\n",
                "    return {1: 10, 2: 5}.get(job.priority, 1)\n",
            )
        ),
    ),
    "quotation with other quotes and a renamed variable": (
        """<<<<<<< SEARCH
    for pool in s.pools:
        free = pool.free_gb
        for task in list(s.waiting):
=======
    for pool in sorted(s.pools, key=lambda pool: -pool.free_gb):
        free = pool.free_gb
        for job in list(s.waiting):
>>>>>>> REPLACE""",
        replaced(("for pool in s.pools:", "for pool in sorted(s.pools, key=lambda pool: -pool.free_gb):")),
    ),
    "diff with made-up numbers and prose around": (
        """Sure! Here's the patch:

```diff
--- program.py
+++ program.py
@@ -20,7 +20,8 @@ def schedule(s, results, pipelines):
     s.waiting.extend(pipelines)
+    s.waiting.sort(key=weight)
     out = []
     for pool in s.pools:
```

Let me know if you want me to go further.""",
        replaced(_SORTED),
    ),
    "diff with two hunks and no blank context": (
        """```diff
@@
-LIMIT = 8
+LIMIT = 16
@@
             if size > free:
-                continue
+                break
```""",
        replaced(("LIMIT = 8", "LIMIT = 16"), ("                continue\n", "                break\n")),
    ),
    "only the changed function, with a remark instead of the others": (
        """Only `weight` changes; keep everything else as it is.

```python
def weight(job):
    return 10 if job.priority == 1 else 1
```""",
        replaced(
            (
                "    # queries first\n    if job.priority == 1:\n        return 10\n    return 1\n",
                "    return 10 if job.priority == 1 else 1\n",
            )
        ),
    ),
    "whole program after a first sketch": (
        f"""First idea:

```python
for job in sorted(queue, key=weight):
    start(job)
```

That alone is not enough. The full program:

```python
{replaced(_SORTED)}```
""",
        replaced(_SORTED),
    ),
    "whole program in a numbered list with an indented fence": (
        "1. Sort the queue:\n\n   ```python\n"
        + "\n".join(f"   {line}" if line else "" for line in replaced(_SORTED).split("\n"))
        + "\n   ```\n",
        replaced(_SORTED),
    ),
    "thinking aloud with a half-finished edit first": (
        """<think>
<<<<<<< SEARCH
maybe
</think>
<<<<<<< SEARCH
LIMIT = 8
=======
LIMIT = 12
>>>>>>> REPLACE""",
        replaced(("LIMIT = 8", "LIMIT = 12")),
    ),
    "edit that would fit two places": (
        """<<<<<<< SEARCH
    s.waiting
=======
    s.queue
>>>>>>> REPLACE""",
        None,
    ),
    "program with its middle left out": (
        """```python
LIMIT = 16

# ... init and weight are unchanged ...

def schedule(s, results, pipelines):
    # ... same as before, but sorted ...
    return [], out
```""",
        None,
    ),
    "advice only": ("I would sort `s.waiting` by `weight` and set `LIMIT = 16`. Shall I write it out?", None),
    "a refusal": ("I'm sorry, but I can't help with modifying this scheduler.", None),
    "a shell command": ("```bash\nsed -i 's/LIMIT = 8/LIMIT = 16/' program.py\n```", None),
}
