// Slice 2 writes a slot that a live value of slice 0 passes through.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: stream-overwrite at cycle 9 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 mem 2 [0] at cycle 7: mem.read
// CHECK-NEXT: {{^}}  other: chip 0 mem 0 [0] at cycle 5: mem.read
// CHECK-NEXT: {{^}}  stream east 0 at position 4 is live
isa.program @stream_overwrite machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 5 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 6
    }
    isa.queue mem 2 text [7, 1, 1020] {
      isa.mem.read at 7 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 8
    }
    isa.queue mem 3 text [0, 1, 1016] {
      isa.mem.write at 10 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
