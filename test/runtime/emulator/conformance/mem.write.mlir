// mem.write: rows 20, 17, 14, 11 take the values that pass westward.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 8
// CHECK-NEXT: chip 0 slice 0 bank 1 row 11: 246ded453351e3d2c93ac9414c46c068
// CHECK-NEXT: chip 0 slice 0 bank 1 row 14: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NEXT: chip 0 slice 0 bank 1 row 17: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 0 slice 0 bank 1 row 20: fee32279f2bc068266a752c0ba9551f2
// CHECK-NOT: {{.}}
isa.program @mem_write machine "nano" cycles 8 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.write at 3 repeat 4 every 1 bank = 1, offset = 20, stride = -3, dir = west, stream = 9, last
      isa.halt at 7
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 0 repeat 4 every 1 dir = west, bank = 0, offset = 0, stride = 1, stream = 9
      isa.halt at 4
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 1 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 1 bank 0 row 1 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 1 bank 0 row 2 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
    isa.image slice 1 bank 0 row 3 rows 1 hex ["246ded453351e3d2c93ac9414c46c068"]
  }
}
