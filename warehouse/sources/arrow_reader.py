"""Read Arrow IPC: files (and feather), and streams."""

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc

from warehouse.errors import SourceError
from warehouse.sources.files import SourceFile
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, whole

_END_OF_STREAM = (b"\xff\xff\xff\xff\x00\x00\x00\x00", b"\x00\x00\x00\x00")


def read_arrow(file: SourceFile, mapping: Mapping) -> RawTable:
    """Read one Arrow file or stream.

    Raises:
        SourceError: it is neither, or was cut short.
    """
    data = file.read()
    try:
        if data.startswith(b"ARROW1"):
            return whole(pyarrow.ipc.open_file(pa.py_buffer(data)).read_all())
        if data.startswith(b"FEA1"):
            return whole(pyarrow.feather.read_table(pa.BufferReader(data)))
        # A stream may lack its end and still be read: that is half a table.
        if not data.endswith(_END_OF_STREAM):
            raise pa.ArrowInvalid("the mark at the end is missing")
        return whole(pyarrow.ipc.open_stream(pa.py_buffer(data)).read_all())
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{file.name}: not a readable Arrow file or stream ({error}); "
            "it was probably cut short: write or copy it again"
        ) from error
