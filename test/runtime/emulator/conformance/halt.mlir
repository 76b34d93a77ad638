// halt: has no effect itself: a queue that halts in cycle 500 does not make the program longer.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 5
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NOT: {{.}}
isa.program @halt machine "nano" cycles 5 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 1
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 3 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 4
    }
    isa.queue alu 7 text [0, 1, 1016] {
      isa.halt at 500
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
