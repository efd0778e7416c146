"""Reading a firmware image, ELF, raw binary or Intel HEX: what to load where, and its symbols."""

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from common.board import Board
from common.errors import UserError
from virtual.raw_image import RAW_FORMATS

REBUILD = "build it again"


@dataclass(frozen=True)
class Segment:
    """Bytes at their load address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """A firmware image. Addresses of functions carry no Thumb bit."""

    segments: tuple[Segment, ...]
    symbols: dict[str, int]


def load_image(path: Path, board: Board) -> Image:
    """Read an image and check that it is complete, for Arm, and fits the board's memories.

    By the file's suffix: `.bin` lies at the start of flash, `.hex` is Intel HEX; everything else is an ELF.

    Raises:
        UserError: it is not; the message says by how many bytes a segment misses its memory.
    """
    if not path.is_file():
        raise UserError(f"there is no firmware at {path}; run `invoke build`")
    if path.suffix in RAW_FORMATS:
        raw = tuple(Segment(address, data) for address, data in RAW_FORMATS[path.suffix](path, board.flash.origin))
        for segment in raw:
            _check_fit(path, board, segment.address, len(segment.data))
        return Image(raw, {})
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf["e_machine"] != "EM_ARM" or elf.elfclass != 32 or not elf.little_endian:
                raise UserError(f"{path} is not a 32-bit little-endian Arm image but {elf.get_machine_arch()}")
            segments = tuple(_segments(elf, path, board))
            symbols = _symbols(elf)
    except UserError:
        raise
    except (ELFError, OSError, ValueError, KeyError, AttributeError, UnicodeError) as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{path} is not a readable ELF image ({reason}); {REBUILD}") from error
    if not segments:
        raise UserError(f"{path} has nothing to load; link it as an executable, not as an object file")
    return Image(segments, symbols)


def _segments(elf: ELFFile, path: Path, board: Board) -> list[Segment]:
    found = []
    for header in elf.iter_segments():
        size = header["p_filesz"]
        if header["p_type"] != "PT_LOAD":
            continue
        data = header.data()
        if len(data) < size:
            raise UserError(f"{path} is truncated: a segment lacks {size - len(data)} of {size} bytes; {REBUILD}")
        if size:
            _check_fit(path, board, header["p_paddr"], size)
            found.append(Segment(header["p_paddr"], data))
        if header["p_memsz"]:
            _check_fit(path, board, header["p_vaddr"], header["p_memsz"])
    return found


def _check_fit(path: Path, board: Board, address: int, size: int) -> None:
    """The range must lie in memory, which may be several adjoining ones (SRAM1..3)."""
    spans = sorted(
        [(m.origin, m.origin + m.size) for m in board.memories]
        + [(m.alias, m.alias + m.size) for m in board.memories if m.alias is not None]
    )
    position, end = address, address + size
    for first, last in spans:
        if first <= position < last:
            position = min(last, end)
    if position == address:
        raise UserError(
            f"{path}: segment of {size} bytes at {address:#010x} is outside the memories of {board.name}; "
            "check the linker script"
        )
    if position < end:
        raise UserError(
            f"{path}: segment of {size} bytes at {address:#010x} is {end - position} bytes too long for {board.name}"
        )


def _symbols(elf: ELFFile) -> dict[str, int]:
    symbols: dict[str, int] = {}
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol.name and symbol["st_shndx"] != "SHN_UNDEF" and not symbol.name.startswith("$"):
                    thumb = symbol["st_info"]["type"] == "STT_FUNC"
                    symbols.setdefault(symbol.name, symbol["st_value"] & ~1 if thumb else symbol["st_value"])
    return symbols


@dataclass(frozen=True, order=True)
class Function:
    """Code of a name, from ``address`` up to ``end``."""

    address: int
    end: int
    name: str


def load_functions(path: Path) -> tuple[Function, ...]:
    """The functions of an ELF by address; one without a size reaches to the next. None for raw images."""
    if path.suffix in RAW_FORMATS:
        return ()
    with path.open("rb") as file:
        found = {
            symbol["st_value"] & ~1: (symbol["st_size"], symbol.name)
            for section in ELFFile(file).iter_sections()
            if isinstance(section, SymbolTableSection)
            for symbol in section.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF"
        }
    addresses = sorted(found)
    following = [*addresses[1:], 1 << 32]
    return tuple(
        Function(address, address + found[address][0] if found[address][0] else after, found[address][1])
        for address, after in zip(addresses, following, strict=True)
    )
