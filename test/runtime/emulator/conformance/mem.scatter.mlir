// mem.scatter: the value of one stream goes to the row that lane 0 of two others names.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 16
// CHECK-NEXT: chip 0 slice 6 bank 0 row 9: cc18eb08f5a3e624d16fabd1adafd9f1
// CHECK-NEXT: chip 0 slice 6 bank 0 row 307: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 0 slice 6 bank 0 row 308: a872cc3f9f2fd34f487078dd451f5f6c
// CHECK-NOT: {{.}}
isa.program @mem_scatter machine "nano" cycles 16 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 3 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 0, stride = 1
      isa.halt at 6
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 4 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 1, stride = 1
      isa.halt at 7
    }
    isa.queue mem 2 text [0, 1, 1016] {
      isa.mem.read at 5 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 2, stride = 1
      isa.halt at 8
    }
    isa.queue mem 6 text [7, 1, 1016] {
      isa.mem.scatter at 12 repeat 3 every 1 bank = 0, offset = 7, adir = east, astream = 0, alast, dir = east, stream = 2, last
      isa.halt at 15
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["2c630000000000000000000000000000"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["02630000000000000000000000000000"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["2d630000000000000000000000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["01630000000000000000000000000000"]
    isa.image slice 1 bank 0 row 1 rows 1 hex ["00630000000000000000000000000000"]
    isa.image slice 1 bank 0 row 2 rows 1 hex ["01630000000000000000000000000000"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 2 bank 0 row 1 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 2 bank 0 row 2 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
  }
}
