// Two chips of one class copy a row: each its own, through base registers that the
// relocation sets in both slices. What rows decide is judged for each chip.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 6
// CHECK: chip 0 slice 4 bank 1 row 7: 0a
// CHECK: chip 1 slice 4 bank 1 row 300: 0b

// Row 6 is not initialised on chip 1 alone.
// RUN: sed 's/registers .3, 2, 5, 4, 1, 300./registers [3, 2, 6, 4, 1, 300]/' %s > %t.empty.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.empty.mlir %t --fault | FileCheck %s --check-prefix=EMPTY
// EMPTY: fault: uninitialised-read at cycle 0 on chip 1
// EMPTY-NEXT: {{^}}  offender: chip 1 mem 3 [0] at cycle 0: mem.read

// RUN: sed 's/4, 1, 300/4, 1, 1024/' %s > %t.range.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.range.mlir %t --fault | FileCheck %s --check-prefix=RANGE
// RANGE: fault: address-out-of-range at cycle {{[0-9]+}} on chip 1

// RUN: sed 's/3, 2, 5, 4, 1, 300/3, 3, 5, 4, 0, 300/' %s > %t.other.mlir
// RUN: not lpu-translate --isa-to-binary %t.other.mlir -o %t.other.lpu 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: chip 1, base register 0 of slice 4: there are 8 slices with registers 1 .. 7 (0 is always 0)
// OTHER: chip 1: it names other base registers than another chip of its class
isa.program @registers machine "nano" cycles 6 {
  isa.chip_class 0 {
    isa.queue mem 3 text [7, 0, 0] {
      isa.mem.read at 0 bank = 0, reg = 2, offset = 0, dir = east, stream = 2
      isa.halt at 1
    }
    isa.queue mem 4 text [7, 1, 0] {
      isa.mem.write at 4 bank = 1, reg = 1, offset = 0, dir = east, stream = 2, last
      isa.halt at 5
    }
  }
  isa.chip 0 class 0 registers [3, 2, 3, 4, 1, 7] {
    isa.image slice 3 bank 0 row 3 rows 1 hex ["0a"]
  }
  isa.chip 1 class 0 registers [3, 2, 5, 4, 1, 300] {
    isa.image slice 3 bank 0 row 5 rows 1 hex ["0b"]
  }
}
