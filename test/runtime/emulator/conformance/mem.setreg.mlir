// mem.setreg: the next issue of the queue sees the new base.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 8
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 0 slice 1 bank 0 row 1: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NOT: {{.}}
isa.program @mem_setreg machine "nano" cycles 8 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1017] {
      isa.mem.setreg at 0 reg = 7, value = 499
      isa.mem.read at 1 bank = 0, reg = 7, offset = 1, dir = east, stream = 0
      isa.mem.setreg at 2 reg = 7, value = 501
      isa.mem.read at 3 bank = 0, reg = 7, offset = 0, dir = east, stream = 0
      isa.halt at 4
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 4 repeat 2 every 2 bank = 0, offset = 0, stride = 1, dir = east, stream = 0, last
      isa.halt at 7
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 500 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 0 bank 0 row 501 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
  }
}
