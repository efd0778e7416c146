"""What has been translated: native functions by address, compiled quickly at first and well where it pays."""

from collections.abc import Callable, Container
from dataclasses import replace
from typing import Any, NamedTuple

from virtual.engine import native
from virtual.engine.memories import Memories
from virtual.engine.region import Region, RegionTranslator, Settings
from virtual.timing import runtime
from virtual.timing.state import TABLE, TABLE_BITS, TABLE_WORDS, Words

HOT = 8  # times that a region must be found running
MAX_ENTRIES = 1 << (TABLE_BITS - 1)


class Compiled(NamedTuple):
    """A region and its function."""

    function: int
    region: Region


class Translations:
    """The table of entry points that native code looks up, and what fills it.

    ``stop`` is called when the code that runs now must not go on in its translation. ``watches``: what to call when
    the block at an address is about to run; ``barred``: (first, last) of addresses not to be executed.
    """

    def __init__(self, words: Words, memories: Memories, settings: Settings, stop: Callable[[], None]) -> None:
        self._words = words
        self._memories = memories
        self.settings = settings
        self._stop = stop
        self.watches: dict[int, list[Callable[[], None]]] = {}
        self.armed: frozenset[int] = frozenset()
        self.barred: tuple[tuple[int, int], ...] = ()
        self._linker = native.Linker()
        self._cache = native.CodeCache()
        self._entries: dict[int, tuple[int, int]] = {}
        self._code: list[tuple[int, int, int]] = []  # (first place, end, key) of translated blocks
        self._linked: dict[bytes, int] = {}
        self._quick: dict[int, int] = {}  # by function that may be optimised: how often it was found running

    def change(self, **settings: Any) -> None:
        """Translate with other settings from now on."""
        changed = replace(self.settings, **settings)
        if changed != self.settings:
            self.settings = changed
            self.forget()
            self._stop()

    def bar(self, barred: tuple[tuple[int, int], ...]) -> None:
        if barred != self.barred:
            self.barred = barred
            self.forget()
            self._stop()

    def forget(self) -> None:
        """Drop everything, for new code in memory."""
        self._words[TABLE:] = 0
        self._entries.clear()
        self._code.clear()
        self._memories.code_map[:] = 0

    def written(self, place: int, size: int) -> None:
        """Drop the translations of what was written; the code that runs now stops at its next block."""
        gone = {key for first, end, key in self._code if first < place + size and place < end}
        if not gone:
            return
        regions = {self._entries[key][0] for key in gone if key in self._entries}
        kept = {key: entry for key, entry in self._entries.items() if entry[0] not in regions}
        code = [block for block in self._code if block[2] in kept]
        self.forget()
        self._code = code
        for first, end, _ in code:
            self._memories.mark_code(first, end)
        for key, (function, number) in kept.items():
            self._insert(key, function, number)
        self._stop()

    def bars(self, address: int) -> bool:
        return any(first <= address <= last for first, last in self.barred)

    def _fetch(self, address: int, size: int) -> bytes:
        """Code at an address: as much as there is and may be executed."""
        if self.bars(address):
            return b""
        size = min([size, *(first - address for first, _ in self.barred if first > address)])
        return self._memories.code_at(address, size)

    def _insert(self, key: int, function: int, number: int) -> None:
        place = TABLE + int(runtime.find_entry(self._words, key)) * TABLE_WORDS
        self._words[place : place + TABLE_WORDS] = (key, function, number)
        self._entries[key] = (function, number)

    def translate(self, pc: int, it: int) -> bool:
        """Translate at an address, quickly, what nobody has translated; False when there is no code."""
        known = {key & ~1 for key in self._entries}  # those inside IT blocks are no addresses, which does not matter
        compiled = self._compile(self._translator(known=known), pc, it, native.QUICK)
        if compiled is None:
            return False
        self._install(compiled)
        self._quick[compiled.function] = 0
        return True

    def alone(self, pc: int, it: int) -> int | None:
        """A function that carries out one instruction, whatever the time and the breakpoints are."""
        translator = RegionTranslator(self.settings, self._fetch, most=1, alone=True)
        compiled = self._compile(translator, pc, it, native.QUICK)
        return None if compiled is None else compiled.function

    def found_running(self, pc: int) -> None:
        """Time ran out at ``pc``. Regions in which that happens often are worth better code, with all around them."""
        entry = self._entries.get(pc)
        if entry is None or entry[0] not in self._quick:
            return
        self._quick[entry[0]] += 1
        if self._quick[entry[0]] < HOT:
            return
        self._quick[entry[0]] = 0
        compiled = self._compile(self._translator(loop=True), pc & ~1, 0, native.OPTIMISED)
        if compiled is not None:
            self._install(compiled)

    def _translator(self, *, known: Container[int] = (), loop: bool = False) -> RegionTranslator:
        watched = frozenset(self.watches)
        return RegionTranslator(
            self.settings, self._fetch, watched=watched, breakpoints=self.armed, known=known, loop=loop
        )

    def _compile(self, translator: RegionTranslator, pc: int, it: int, level: int) -> Compiled | None:
        """The function comes from the cache if it was made before; None where there is no code."""
        region = translator.translate(pc, it)
        if region is None:
            return None
        code = self._cache.load(region.text, level)
        if code is None:
            code = native.compile_text(region.text, level)
            self._cache.save(region.text, level, code)
        function = self._linked.get(code)
        if function is None:
            function = self._linked[code] = self._linker.link(code)
        return Compiled(function, region)

    def _install(self, compiled: Compiled) -> None:
        """Let the blocks of a region run from now on, instead of quick translations of them."""
        function, region = compiled
        if len(self._entries) + len(region.entries) > MAX_ENTRIES:
            self.forget()
        for number, (where, state) in enumerate(region.entries):
            key = where | 1 | state << 32
            if key not in self._entries or self._entries[key][0] in self._quick:
                self._insert(key, function, number)
        for where, code in region.ranges:
            first = self._memories.find(where, len(code))
            if first is not None:
                self._code.append((first, first + len(code), where | 1))
                self._memories.mark_code(first, first + len(code))
