// The value died at slice 1: its last read is the other party.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: empty-read at cycle 5 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 3 [0] at cycle 5: mem.write
// CHECK-NEXT: {{^}}  other: chip 0 mem 1 [0] at cycle 3: mem.write
// CHECK-NEXT: {{^}}  stream east 0 at position 5 holds no live value
isa.program @empty_read machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 1
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 3 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 4
    }
    isa.queue mem 3 text [0, 1, 1016] {
      isa.mem.write at 5 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 6
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
