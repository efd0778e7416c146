"""Reading a firmware image: ELF with symbols, or the formats without."""

from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from common.board import Board
from common.errors import UserError
from virtual.image import Function, Image, Segment, check_fit, check_vectors
from virtual.raw_image import read_bin, read_hex

REBUILD = "build it again"
RAW_FORMATS = (".bin", ".hex")
# Tag_CPU_arch values of instruction sets that a Cortex-M4 runs (Arm IHI0045): v7, v6-M, v6S-M, v7E-M.
RUNNABLE = frozenset({10, 11, 12, 13})
PROFILES = frozenset({0, ord("M")})


def load_image(path: Path, board: Board) -> Image:
    """Read an image and check that it is complete, for Arm, fits the board's memories and has a vector table.

    ``.bin`` goes to the start of flash, ``.hex`` is Intel HEX, everything else must be an ELF.

    Raises:
        UserError: it is not; the message says by how many bytes a segment misses its memory.
    """
    if not path.is_file():
        raise UserError(f"there is no firmware at {path}; run `invoke build`")
    image = _load_raw(path, board) if path.suffix.lower() in RAW_FORMATS else _load_elf(path, board)
    check_vectors(path, board, image.segments)
    return image


def _load_raw(path: Path, board: Board) -> Image:
    try:
        segments = read_hex(path) if path.suffix.lower() == ".hex" else read_bin(path, board.flash.origin)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    for segment in segments:
        check_fit(path, board, segment.address, len(segment.data))
    return Image(segments, {})


def _load_elf(path: Path, board: Board) -> Image:
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            if elf["e_machine"] != "EM_ARM" or elf.elfclass != 32 or not elf.little_endian:
                raise UserError(f"{path} is not a 32-bit little-endian Arm image but {elf.get_machine_arch()}")
            _check_architecture(elf, path, board)
            segments = tuple(_segments(elf, path, board))
            symbols, functions = _symbols(elf)
    except UserError:
        raise
    except (ELFError, OSError, ValueError, KeyError, AttributeError, UnicodeError) as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{path} is not a readable ELF image ({reason}); {REBUILD}") from error
    if not segments:
        raise UserError(f"{path} has nothing to load; link it as an executable, not as an object file")
    return Image(segments, symbols, functions, path)


def _check_architecture(elf: ELFFile, path: Path, board: Board) -> None:
    """Refuse code built for a later or another kind of Arm core, as far as the build attributes tell."""
    section = elf.get_section_by_name(".ARM.attributes")
    if section is None or not hasattr(section, "iter_subsections"):
        return
    tags = {
        attribute.tag: attribute.value
        for subsection in section.iter_subsections()
        for scope in subsection.iter_subsubsections()
        for attribute in scope.iter_attributes()
    }
    if tags.get("TAG_CPU_ARCH", 13) not in RUNNABLE or tags.get("TAG_CPU_ARCH_PROFILE", 0) not in PROFILES:
        name = tags.get("TAG_CPU_NAME") or f"architecture {tags.get('TAG_CPU_ARCH')}"
        raise UserError(f"{path} was built for {name}; {board.title} has a {board.core.name}")


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
            check_fit(path, board, header["p_paddr"], size)
            found.append(Segment(header["p_paddr"], data))
        if header["p_memsz"]:
            check_fit(path, board, header["p_vaddr"], header["p_memsz"])
    return found


def _symbols(elf: ELFFile) -> tuple[dict[str, int], tuple[Function, ...]]:
    """All symbols, and the functions among them in order of address."""
    symbols: dict[str, int] = {}
    functions: dict[int, Function] = {}
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol.name and symbol["st_shndx"] != "SHN_UNDEF" and not symbol.name.startswith("$"):
                    value = symbol["st_value"]
                    if symbol["st_info"]["type"] == "STT_FUNC":
                        value &= ~1
                        known = functions.get(value)
                        if known is None or symbol["st_info"]["bind"] == "STB_GLOBAL":
                            functions[value] = Function(value, symbol["st_size"], symbol.name)
                    symbols.setdefault(symbol.name, value)
    return symbols, tuple(functions[address] for address in sorted(functions))
