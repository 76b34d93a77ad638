// mem.addreg: signed, modulo 65,536; a loop walks down from row 6.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 16
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: 246ded453351e3d2c93ac9414c46c068
// CHECK-NEXT: chip 0 slice 1 bank 0 row 1: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NEXT: chip 0 slice 1 bank 0 row 2: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 0 slice 1 bank 0 row 3: fee32279f2bc068266a752c0ba9551f2
// CHECK-NOT: {{.}}
isa.program @mem_addreg machine "nano" cycles 16 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1016] {
      isa.mem.addreg at 0 reg = 1, value = 6
      isa.loop at 1 iterations 4 period 3 {
        isa.mem.read at 0 bank = 0, reg = 1, offset = 0, dir = east, stream = 0
        isa.mem.addreg at 1 reg = 1, value = -1
      }
      isa.halt at 14
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 5 repeat 4 every 3 bank = 0, offset = 0, stride = 1, dir = east, stream = 0, last
      isa.halt at 15
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 3 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 0 bank 0 row 4 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 0 bank 0 row 5 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
    isa.image slice 0 bank 0 row 6 rows 1 hex ["246ded453351e3d2c93ac9414c46c068"]
  }
}
