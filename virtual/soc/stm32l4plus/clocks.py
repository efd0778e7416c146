"""The clock tree as a value: what RCC's registers make of the oscillators (RM0432, chapter 6)."""

from dataclasses import dataclass

MSI_HZ = (
    100_000, 200_000, 400_000, 800_000, 1_000_000, 2_000_000,
    4_000_000, 8_000_000, 16_000_000, 24_000_000, 32_000_000, 48_000_000,
)  # fmt: skip
HSI_HZ = 16_000_000
HSI48_HZ = 48_000_000
LSE_HZ = 32_768
LSI_HZ = 32_000

AHB_DIVISORS = {8: 2, 9: 4, 10: 8, 11: 16, 12: 64, 13: 128, 14: 256, 15: 512}
APB_DIVISORS = {4: 2, 5: 4, 6: 8, 7: 16}
PLL_INPUT_RANGE = (2_660_000, 16_000_000)  # DS12023, PLL characteristics: 2.66 to 16 MHz
PLL_VCO_RANGE = (64_000_000, 344_000_000)


@dataclass(frozen=True)
class Clocks:
    """Frequencies in Hz; timer clocks include the doubling behind a divided APB."""

    sysclk: int
    hclk: int
    pclk1: int
    pclk2: int
    timer1: int  # of timers on APB1
    timer2: int  # of timers on APB2


@dataclass(frozen=True)
class Pll:
    """One of the three PLLs; frequencies in Hz, 0 for an output that is not enabled."""

    input: int  # of the VCO
    vco: int
    q: int
    r: int


def pll(pllcfgr: int, source_hz: int) -> Pll:
    """What a PLLCFGR, PLLSAI1CFGR or PLLSAI2CFGR register makes of a source; the fields are at the same places."""
    m = (pllcfgr >> 4 & 15) + 1
    vco = source_hz * (pllcfgr >> 8 & 0x7F) // m
    q = vco // (2 * ((pllcfgr >> 21 & 3) + 1)) if pllcfgr >> 20 & 1 else 0
    r = vco // (2 * ((pllcfgr >> 25 & 3) + 1)) if pllcfgr >> 24 & 1 else 0
    return Pll(source_hz // m, vco, q, r)


def distribute(sysclk: int, cfgr: int) -> Clocks:
    hclk = sysclk // AHB_DIVISORS.get(cfgr >> 4 & 15, 1)
    divisor1 = APB_DIVISORS.get(cfgr >> 8 & 7, 1)
    divisor2 = APB_DIVISORS.get(cfgr >> 11 & 7, 1)
    return Clocks(
        sysclk=sysclk,
        hclk=hclk,
        pclk1=hclk // divisor1,
        pclk2=hclk // divisor2,
        timer1=hclk // divisor1 * (1 if divisor1 == 1 else 2),
        timer2=hclk // divisor2 * (1 if divisor2 == 1 else 2),
    )
