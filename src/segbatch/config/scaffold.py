"""The files of a new project: settings, a first segment, and a .gitignore."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segbatch.config.env_vars import FILE
from segbatch.errors import SegbatchError, UsageError
from segbatch.text import printable

_SETTINGS = """\
# Settings of segbatch for this folder and all folders below it. `segbatch config show` lists all of them.
# Options of a command override them, and so do environment variables such as SEGBATCH_CONTACTS.

# Your contacts: a Parquet file, a folder of such files, or a glob; local, or s3://, gs:// or az://.
# Remove the # when the file exists.
# contacts = "contacts.parquet"

# The column with the contact ids.
# id_column = "id"

# The folder with the segment definitions, one JSON file each.
segments = "segments"

# The folder that runs publish in. Open output/segbatch.duckdb in DuckDB.
output = "output"

# Hold back a segment if its size changes by more than this from run to run.
# max_change = "30%"

# The time zone of calendar days and of times without an offset.
# timezone = "Europe/Berlin"
"""

_SEGMENT = """\
{
  "name": "All Contacts",
  "description": "A first segment. Replace its rule with your own.",
  "rules": [
    { "field": "id", "operator": "exists" }
  ]
}
"""

_IGNORED = """\
/output/
segbatch-keys.json
.segbatch-keys.json.*
"""

_FILES = {FILE: _SETTINGS, "segments/all-contacts.json": _SEGMENT}
_IGNORE_FILE = ".gitignore"


@dataclass(frozen=True, slots=True)
class NewProject:
    """The files of a new project.

    Attributes:
        created: The files that were created.
        kept: The .gitignore that existed before and was not changed, if any.
        ignored: The lines that the .gitignore needs.
    """

    created: tuple[Path, ...]
    kept: Path | None
    ignored: tuple[str, ...]


def create_project(folder: Path) -> NewProject:
    """Create the files of a new project in a folder: all of them or none. Existing files are never changed.

    Raises:
        UsageError: The settings or the segment exist already.
        SegbatchError: A file cannot be written.
    """
    ignore = folder / _IGNORE_FILE
    kept = ignore if ignore.exists() or ignore.is_symlink() else None
    files = {folder / name: text for name, text in _FILES.items()} | ({} if kept else {ignore: _IGNORED})
    created = list[Path]()
    try:
        for path, text in files.items():
            created += _make_folders(path.parent)
            with path.open("x", encoding="utf-8") as file:
                created.append(path)
                file.write(text)
    except OSError as error:
        _remove(created)
        name = printable(str(error.filename or path))
        if isinstance(error, FileExistsError) and error.filename != str(path):
            raise UsageError(f"{name}: is not a folder; nothing was created; name another folder") from None
        if isinstance(error, FileExistsError):
            raise UsageError(
                f"{name}: already exists; nothing was created; remove it, or name another folder"
            ) from None
        raise SegbatchError(f"{name}: cannot be written: {error.strerror}; nothing was created") from None
    return NewProject(tuple(files), kept, tuple(_IGNORED.splitlines()))


def _make_folders(folder: Path) -> list[Path]:
    """Create a folder and its parents, and return those that were missing, the outermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove(created: list[Path]) -> None:
    """Remove files and empty folders, the last one first."""
    for path in reversed(created):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
