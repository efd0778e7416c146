"""Every constant of the cycle model, with its source.

Sources: [TRM] Arm DDI0439D, Cortex-M4 technical reference manual, instruction set summary; [RM] ST RM0432 with the
cache geometry of its sister manual RM0440; [fit] fitted to published latencies of this chip; [compendium] published
measurements at compendium.i-0.nl; [estimate] an engineering guess, no measurement behind it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Cycles, unless a name says otherwise."""

    alu: int = 1  # [TRM] data processing, multiplies of every width, saturation, SIMD
    divide: int = 2  # [TRM] the fewest of 2..12: the quotient is 0
    divide_start: int = 2  # [estimate] more when it is not; with 32 bits of quotient the sum is TRM's 12
    divide_bits: int = 4  # [estimate] bits of the quotient found in one further cycle
    load: int = 2  # [TRM]
    load_pipelined: int = 1  # [TRM] directly after another single load that did not produce its address
    store: int = 1  # [TRM] write buffer
    store_register_offset: int = 2  # [TRM]
    double: int = 3  # [TRM] LDRD, STRD
    exclusive: int = 2  # [TRM] LDREX, STREX
    multiple: int = 1  # [TRM] LDM, STM, PUSH, POP, VLDM: this plus one for each word
    address_dependency: int = 1  # [TRM] address register produced by the data-processing instruction just before
    load_use_shift: int = 1  # [fit] 32-bit encoded SRAM load whose value is shifted or extended by the next instruction
    unaligned_halfway: int = 1  # [fit] halfword at an odd address, word at an even one
    unaligned_odd: int = 2  # [fit] word at an odd address

    branch_not_taken: int = 1  # [TRM]
    refill_immediate: int = 1  # [TRM] P of B, BL, CBZ
    refill_register: int = 2  # [TRM] P of BX, BLX, writes to PC
    refill_load: int = 3  # [TRM] P of LDR and POP to PC
    table_branch: int = 6  # [TRM] TBB, TBH in all
    target_unaligned: int = 1  # [TRM] branch target is a 32-bit instruction at an odd halfword
    odd_run: int = 1  # [compendium] a run of ``odd_run_length`` or more 32-bit instructions at odd halfwords
    odd_run_length: int = 3  # [compendium] instructions

    it: int = 1  # [TRM]
    it_folded: int = 0  # [TRM] directly after a 16-bit instruction
    status_move: int = 2  # [TRM] MRS, MSR
    cps: int = 1  # [TRM]
    barrier: int = 1  # [TRM] 1 + B
    hint: int = 1  # [TRM]

    fp_alu: int = 1  # [TRM] VADD, VMUL, VMOV, VCVT, VCMP
    fp_mac: int = 3  # [TRM] VMLA, VFMA and their kin
    fp_divide: int = 14  # [TRM] VDIV, VSQRT
    fp_load: int = 2  # [TRM] VLDR, pipelines like LDR; one more for a double register
    fp_store: int = 1  # [TRM] write buffer; one more for a double register
    fp_dependency: int = 1  # [TRM] operand is the result of the FP instruction just before

    exception_entry: int = 12  # [TRM] without wait states
    exception_exit: int = 8  # [TRM] 10, of which 2 are the refill of the BX that returns
    exception_tail_chain: int = 4  # [TRM] from one handler straight into the next: 6, as above

    instruction_miss_extra: int = 2  # [fit] beyond the wait states
    data_miss_extra: int = 0  # [fit] beyond the wait states
    system_bus_data: int = 1  # [estimate] data access while code runs from SRAM on the system bus
    system_bus_branch: int = 1  # [estimate] refill from SRAM on the system bus

    instruction_cache_lines: int = 32  # [RM] 1 KiB
    data_cache_lines: int = 8  # [RM] 256 bytes
    line_bytes: int = 32  # [RM] bytes


CORTEX_M4 = Costs()
