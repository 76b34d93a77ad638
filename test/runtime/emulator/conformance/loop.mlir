// loop: 2 x 3 iterations, nested; body cycle 0 is the cycle after the loop instruction.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 38
// CHECK-NEXT: chip 0 slice 1 bank 0 row 51: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 0 slice 1 bank 0 row 52: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 0 slice 1 bank 0 row 53: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NEXT: chip 0 slice 1 bank 0 row 54: 246ded453351e3d2c93ac9414c46c068
// CHECK-NEXT: chip 0 slice 1 bank 0 row 55: 2af9d0a3022cb18b6202f215321d0e07
// CHECK-NEXT: chip 0 slice 1 bank 0 row 56: 353296dc2e3ce5bfa39b7fd599c1c288
// CHECK-NOT: {{.}}
isa.program @loop machine "nano" cycles 38 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1015] {
      isa.loop at 0 iterations 2 period 20 {
        isa.loop at 1 iterations 3 period 5 {
          isa.mem.read at 0 bank = 0, reg = 1, offset = 0, dir = east, stream = 0
          isa.mem.addreg at 2 reg = 1, value = 1
        }
      }
      isa.halt at 41
    }
    isa.queue mem 1 text [7, 1, 1015] {
      isa.loop at 0 iterations 2 period 20 {
        isa.loop at 1 iterations 3 period 5 {
          isa.mem.addreg at 0 reg = 2, value = 1
          isa.mem.write at 3 bank = 0, reg = 2, offset = 50, dir = east, stream = 0, last
        }
      }
      isa.halt at 41
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
    isa.image slice 0 bank 0 row 3 rows 1 hex ["246ded453351e3d2c93ac9414c46c068"]
    isa.image slice 0 bank 0 row 4 rows 1 hex ["2af9d0a3022cb18b6202f215321d0e07"]
    isa.image slice 0 bank 0 row 5 rows 1 hex ["353296dc2e3ce5bfa39b7fd599c1c288"]
  }
}
