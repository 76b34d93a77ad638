// mem.gather: lane 0 of two streams, low byte first, plus register and offset, is the row.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 21
// CHECK-NEXT: chip 0 slice 7 bank 0 row 0: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 0 slice 7 bank 0 row 1: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 0 slice 7 bank 0 row 2: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NOT: {{.}}
isa.program @mem_gather machine "nano" cycles 21 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 5 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 0, stride = 1
      isa.halt at 8
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 6 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 1, stride = 1
      isa.halt at 9
    }
    isa.queue mem 4 text [0, 1, 1015] {
      isa.mem.setreg at 5 reg = 2, value = 30
      isa.mem.gather at 12 repeat 3 every 1 bank = 1, reg = 2, offset = 10, adir = east, astream = 0, alast, dir = east, stream = 5
      isa.halt at 15
    }
    isa.queue mem 7 text [7, 1, 1016] {
      isa.mem.write at 17 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 5, last, stride = 1
      isa.halt at 20
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["2c4d0000000000000000000000000000"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["024d0000000000000000000000000000"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["2d4d0000000000000000000000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["014d0000000000000000000000000000"]
    isa.image slice 1 bank 0 row 1 rows 1 hex ["004d0000000000000000000000000000"]
    isa.image slice 1 bank 0 row 2 rows 1 hex ["014d0000000000000000000000000000"]
    isa.image slice 4 bank 1 row 42 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 4 bank 1 row 340 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 4 bank 1 row 341 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
  }
}
