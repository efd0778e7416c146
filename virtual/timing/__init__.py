"""The cycle model: decoding of Thumb-2 code, static costs of basic blocks, caches and the functions that charge them.

Numba keeps the compiled functions below ``build/``. It does not notice when constants of another module change, so the
folder's name holds a digest of all the sources that matter. This must be set before numba is imported.
"""

import hashlib
import os
from pathlib import Path

from common.paths import BUILD

SOURCES = ("costs.py", "runtime.py", "native_call.py", "state.py")


def sources_digest() -> str:
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in SOURCES)).hexdigest()[:12]


os.environ.setdefault("NUMBA_CACHE_DIR", str(BUILD / "numba" / sources_digest()))
