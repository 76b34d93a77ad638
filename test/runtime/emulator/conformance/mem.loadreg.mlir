// mem.loadreg: the base comes from lane 0 of two streams (513); the next cycle's read uses it.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 16
// CHECK-NEXT: chip 0 slice 5 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NOT: {{.}}
isa.program @mem_loadreg machine "nano" cycles 16 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 3 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 4
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 4 bank = 0, offset = 0, dir = east, stream = 1
      isa.halt at 5
    }
    isa.queue mem 4 text [0, 1, 1015] {
      isa.mem.loadreg at 10 reg = 3, dir = east, stream = 0, last
      isa.mem.read at 11 bank = 0, reg = 3, offset = 7, dir = east, stream = 1
      isa.halt at 12
    }
    isa.queue mem 5 text [7, 1, 1016] {
      isa.mem.write at 14 bank = 0, offset = 0, dir = east, stream = 1, last
      isa.halt at 15
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["01050000000000000000000000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["02050000000000000000000000000000"]
    isa.image slice 4 bank 0 row 520 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
