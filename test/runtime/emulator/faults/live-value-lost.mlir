// A value is read, but not for the last time, and reaches the east edge.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: live-value-lost at cycle 5 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 6 [0] at cycle 0: mem.read
// CHECK-NEXT: {{^}}  stream east 0 at position 12
isa.program @live_value_lost machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 6 text [0, 1, 1020] {
      isa.mem.read at 0 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 1
    }
    isa.queue mem 7 text [7, 1, 1020] {
      isa.mem.write at 3 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 4
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 6 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
