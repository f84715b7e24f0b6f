"""Cross references into other projects' documentation, without the network.

intersphinx usually downloads the inventory of each project it links to. Here the few
objects that our pages mention are listed in text files, and turned into inventories at
the start of the build. Each line of a list has a type, a name, and a location in which
``$`` stands for the name::

    py:class  asyncio.TaskGroup  library/asyncio-task.html#$
"""

from __future__ import annotations

from pathlib import Path
import zlib


def local_inventory(source: Path, target: Path) -> str:
    """Write the inventory that a list describes.

    :param source: The list.
    :param target: Where the inventory goes.
    :returns: The path of the inventory, as ``intersphinx_mapping`` wants it.
    :raises ValueError: A line has not got three columns, or is there twice.
    """
    entries = set()
    for number, line in enumerate(source.read_text("utf-8").splitlines(), start=1):
        text = line.partition(" # ")[0].strip()
        if not text or text.startswith("#"):
            continue
        columns = text.split()
        if len(columns) != 3:
            raise ValueError(f"{source}:{number}: want a type, a name and a location")
        kind, name, location = columns
        # A glossary term may have blanks; a column may not.
        entry = f"{name.replace('+', ' ')} {kind} 1 {location} -"
        if entry in entries:
            raise ValueError(f"{source}:{number}: {name} is listed twice")
        entries.add(entry)
    header = (
        "# Sphinx inventory version 2\n"
        f"# Project: {source.stem}\n"
        "# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    body = "".join(f"{entry}\n" for entry in sorted(entries))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(header.encode() + zlib.compress(body.encode()))
    return str(target)
