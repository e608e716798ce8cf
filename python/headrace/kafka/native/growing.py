"""Memory that the compiled library allocates, and that is freed when nobody uses it any more."""

from __future__ import annotations

import ctypes
import weakref

import numpy as np
import numpy.typing as npt

from headrace.kafka.native.library import Functions


class Growing(ctypes.Structure):
    """Bytes that the library appends to."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_int64), ("room", ctypes.c_int64))

    def own(self, library: Functions) -> npt.NDArray[np.uint8]:
        """Return the bytes, uint8[size], without a copy; to be called once."""
        if not self.data:
            return np.empty(0, np.uint8)
        memory = (ctypes.c_uint8 * self.size).from_address(self.data)
        weakref.finalize(memory, library.headrace_free, self.data).atexit = False
        return np.frombuffer(memory, np.uint8)
