// nop: waits longer than the 65,535 cycles of a wait field are bridged by one.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 70005
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NOT: {{.}}
isa.program @nop machine "nano" cycles 70005 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.nop at 0
      isa.mem.read at 70000 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 70001
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 70003 bank = 0, offset = 0, dir = east, stream = 0, last
      isa.halt at 70004
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
