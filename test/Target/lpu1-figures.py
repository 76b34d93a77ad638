# lpu1 has the figures that public papers give for this class of machine, and the
# delays that were chosen with it. All numeric targets were set for these numbers:
# changing one means measuring them again.
# REQUIRES: lpu-objdump
# RUN: %python %s %root/lib/Target/machines/lpu1.yaml
# RUN: lpu-objdump --machine lpu1 | FileCheck %s
import re
import sys

figures = {
    # published, or derived from published figures
    "clock_mhz": 900, "lanes": 320, "streams": 32, "slices_per_half": 44, "slices_per_hop": 2,
    "rows": 4096, "planes_per_half": 2, "plane_rows": 320, "install_rows": 16, "fp16_interval": 2,
    "alus": 16, "fetch_bytes_per_cycle": 2304, "links": 11, "node_chips": 8, "uplinks": 4,
    # chosen
    "accumulator_rows": 64, "transcendental_alus": 4, "link_interval": 24, "link_latency": 216,
    "link_margin": 8, "host_interval": 10,
    "delay_sram_read": 4, "delay_sram_write": 2, "delay_alu": 4, "delay_transcendental": 8,
    "delay_convert": 2, "delay_reduce_base": 2, "delay_reduce_step": 2, "delay_matrix_int8": 8,
    "delay_matrix_fp16": 12, "delay_swap": 1, "delay_shuffle": 4, "delay_transpose": 20,
    "delay_fetch": 12,
}
machine = dict(re.findall(r"^(\w+): *(\S+)", open(sys.argv[1]).read(), re.MULTILINE))
wrong = [f"{name} = {machine.get(name)}, should be {value}"
         for name, value in figures.items() if machine.get(name) != str(value)]
sys.exit("\n".join(wrong) or 0)

# What follows from them: 220 MiB; 28 and 32 cycles for a row
# of a matrix product; 20 cycles to reduce all lanes.
# CHECK: machine lpu1
# CHECK: slices: 88, SRAM bytes: 230686720
# CHECK: cycles of a matrix row: int8 28, fp16 32
# CHECK: cycles of a reduction over all lanes: 20
