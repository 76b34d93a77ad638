// mem.read: repeat i reads offset + (i mod inner) stride + (i div inner) stride2,
// here rows 11, 9, 7, 10, 8, 6, every 2 cycles.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 16
// CHECK-NEXT: chip 0 slice 2 bank 0 row 100: 48984ad03a4c69540ad4e173a776d5c8
// CHECK-NEXT: chip 0 slice 2 bank 0 row 101: 2af9d0a3022cb18b6202f215321d0e07
// CHECK-NEXT: chip 0 slice 2 bank 0 row 102: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NEXT: chip 0 slice 2 bank 0 row 103: 353296dc2e3ce5bfa39b7fd599c1c288
// CHECK-NEXT: chip 0 slice 2 bank 0 row 104: 246ded453351e3d2c93ac9414c46c068
// CHECK-NEXT: chip 0 slice 2 bank 0 row 105: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NOT: {{.}}
isa.program @mem_read machine "nano" cycles 16 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 repeat 6 every 2 bank = 1, offset = 11, stride = -2, inner = 3, stride2 = -1, dir = east, stream = 3
      isa.halt at 11
    }
    isa.queue mem 2 text [7, 1, 1020] {
      isa.mem.write at 4 repeat 6 every 2 bank = 0, offset = 100, stride = 1, dir = east, stream = 3, last
      isa.halt at 15
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 1 row 5 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 0 bank 1 row 6 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 0 bank 1 row 7 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
    isa.image slice 0 bank 1 row 8 rows 1 hex ["246ded453351e3d2c93ac9414c46c068"]
    isa.image slice 0 bank 1 row 9 rows 1 hex ["2af9d0a3022cb18b6202f215321d0e07"]
    isa.image slice 0 bank 1 row 10 rows 1 hex ["353296dc2e3ce5bfa39b7fd599c1c288"]
    isa.image slice 0 bank 1 row 11 rows 1 hex ["48984ad03a4c69540ad4e173a776d5c8"]
  }
}
