// A package is an ELF file that standard tools open; its parts can be listed.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: llvm-readelf -hS %t.lpu | FileCheck %s --check-prefix=ELF
// ELF: Class: ELF64
// ELF: Machine: {{(0x)?4[cC]50}}
// ELF: .lpu.manifest PROGBITS
// ELF: .lpu.text.0 PROGBITS {{.*}} 000020 00 AX 0 0 64
// Two of the five rows are zero and not in the file. Images begin at pages.
// ELF: .lpu.image.0 PROGBITS {{[0-9a-f]+}} {{[0-9a-f]+}}000 000030 00 WA 0 0 4096
// ELF: .lpu.image.1 PROGBITS {{[0-9a-f]+}} {{[0-9a-f]+}}000 000000 00 WA 0 0 4096
// ELF: .lpu.debug.notes
// RUN: lpu-objdump --manifest --sections %t.lpu | FileCheck %s --check-prefix=DUMP
// DUMP: format version: 2
// DUMP: program: two chips
// DUMP: machine: nano
// DUMP: predicted cycles: 2
// DUMP: chip 0: class 0, 3 image segments
// DUMP: chip 1: class 0, 1 image segments
// DUMP: wire: chip 0 link 1 to chip 1 link 0
// DUMP: input 'x': host float32, chip f16, shape [2, 16]
// DUMP: debug section 'notes': 5 bytes
// DUMP: class 0 text of mem 3: slice 7 bank 1 rows 8 .. 9
// DUMP: chip 0 image: 7 rows (112 bytes), 2 of them zero and not in the file
// RUN: lpu-objdump -d %t.lpu | FileCheck %s --check-prefix=TEXT
// TEXT: class 0, mem 3 (text: slice 7 bank 1 row 8)
// TEXT-NEXT: 0 mem.setreg reg = 1, value = 5
// TEXT-NEXT: 1 halt
// RUN: lpu-objdump --sram %t.lpu | FileCheck %s --check-prefix=SRAM
// SRAM: chip 0 slice 0 bank 0 row 3: 01020000000000000000000000000000
// SRAM-NEXT: chip 0 slice 0 bank 0 row 5: 000000000000000000000000000000ff
// SRAM-NEXT: chip 0 slice 7 bank 1 row 8: 14
// SRAM-NEXT: chip 0 slice 7 bank 1 row 9: 05
// SRAM-NEXT: chip 1 slice 7 bank 1 row 8: 14
// Text form and package are the same program.
// RUN: lpu-translate --binary-to-isa %t.lpu | lpu-translate --isa-to-binary -o %t.2.lpu
// RUN: cmp %t.lpu %t.2.lpu
isa.program @"two chips" machine "nano" cycles 2 {
  isa.chip_class 0 {
    isa.queue mem 3 text [7, 1, 8] {
      isa.mem.setreg at 0 reg = 1, value = 5
      isa.halt at 1
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 3 rows 3 hex ["0102", "", "000000000000000000000000000000ff"]
    isa.image slice 1 bank 1 row 1022 rows 2
  }
  isa.chip 1 class 0 {
  }
  isa.wire chip 0 link 1 to chip 1 link 0
  isa.input "x" host "float32" chip f16 shape [2, 16] {
    isa.placement rows 2 stride [1, 0] features stride [0, 1] group 16 per_chunk 1 chunks 1 stripes 1 columns (0 0 0 8) (0 1 0 8)
  }
  isa.debug "notes" "hello"
}
