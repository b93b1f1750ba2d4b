"""Views for other programs to query `frieze.db` in plain SQL; these names and columns stay (docs/index.md).

Tags of images are packed and are not in a view: `frieze export sqlite` writes them as plain tables.
"""

from __future__ import annotations

VIEWS = (
    """CREATE VIEW v_images AS SELECT i.id, CAST(r.path AS TEXT) AS root, CAST(i.path AS TEXT) AS path,
    lower(hex(i.sha256)) AS sha256, i.file_bytes, i.width, i.height, i.mtime_ns / 1000000000.0 AS mtime, t.caption
    FROM image i JOIN root r ON r.id = i.root JOIN image_text t ON t.id = i.id""",
    "CREATE VIEW v_tags AS SELECT id, name, class, count FROM tag WHERE count > 0",
    """CREATE VIEW v_edits AS SELECT id, datetime(at, 'unixepoch') AS at, actor, what, images_changed,
    CASE state WHEN 0 THEN 'stands' WHEN 1 THEN 'undone' ELSE 'left behind' END AS state
    FROM journal WHERE kind = 'edit'""",
)
