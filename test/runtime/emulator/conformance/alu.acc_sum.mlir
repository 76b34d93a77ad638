// acc_sum over periods of 3 repeats: each period starts anew and writes once, at its end.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 40000000 40400000 c0800000 40400000 00000000 00000000 3f800000 c0000000 40800000 c0800000 c0000000 bf800000 3f800000 bf800000 c0400000 c0800000
//   a: c0800000 c0800000 c0400000 40800000 c0400000 3f800000 40000000 c0000000 c0000000 bf800000 c0000000 40800000 c0400000 40800000 40400000 40400000
//   a: c0400000 bf800000 3f800000 7fc00000 3f800000 40000000 3f800000 c0800000 40800000 3f800000 40800000 c0000000 bf800000 40400000 c0400000 c0800000
//   a: bf800000 40000000 c0400000 40400000 bf800000 c0000000 00000000 40800000 40400000 40400000 c0000000 c0800000 40400000 40000000 40000000 c0800000
//   a: c0800000 00000000 bf800000 bf800000 40800000 c0400000 00000000 c0000000 c0000000 40400000 c0400000 c0000000 c0400000 c0400000 c0000000 40000000
//   a: 3f800000 00000000 c0400000 40400000 40400000 c0000000 c0800000 c0000000 c0400000 40400000 00000000 00000000 c0000000 00000000 40800000 c0000000
// CHECK: cycles: 23
// CHECK-NEXT: chip 0 words row 0: c0a00000 c0000000 c0c00000 7fc00000 c0000000 40400000 40800000 c1000000 40c00000 c0800000 00000000 3f800000 c0400000 40c00000 c0400000 c0a00000
// CHECK-NEXT: chip 0 words row 1: c0800000 40000000 c0e00000 40a00000 40c00000 c0e00000 c0800000 00000000 c0000000 41100000 c0a00000 c0c00000 c0000000 bf800000 40800000 c0800000
// CHECK-NOT: {{.}}
isa.program @acc_sum machine "nano" cycles 23 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 4 repeat 6 every 1 bank = 0, offset = 0, dir = east, stream = 0, stride = 1
      isa.halt at 10
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 5 repeat 6 every 1 bank = 0, offset = 0, dir = east, stream = 1, stride = 1
      isa.halt at 11
    }
    isa.queue mem 2 text [0, 1, 1016] {
      isa.mem.read at 6 repeat 6 every 1 bank = 0, offset = 0, dir = east, stream = 2, stride = 1
      isa.halt at 12
    }
    isa.queue mem 3 text [7, 1, 1016] {
      isa.mem.read at 7 repeat 6 every 1 bank = 0, offset = 0, dir = east, stream = 3, stride = 1
      isa.halt at 13
    }
    isa.queue mem 4 text [0, 1, 1012] {
      isa.mem.write at 15 repeat 2 every 3 bank = 0, offset = 0, dir = east, stream = 4, last, stride = 1
      isa.halt at 19
    }
    isa.queue mem 5 text [7, 1, 1012] {
      isa.mem.write at 16 repeat 2 every 3 bank = 0, offset = 0, dir = east, stream = 5, last, stride = 1
      isa.halt at 20
    }
    isa.queue mem 6 text [0, 1, 1008] {
      isa.mem.write at 17 repeat 2 every 3 bank = 0, offset = 0, dir = east, stream = 6, last, stride = 1
      isa.halt at 21
    }
    isa.queue mem 7 text [7, 1, 1008] {
      isa.mem.write at 18 repeat 2 every 3 bank = 0, offset = 0, dir = east, stream = 7, last, stride = 1
      isa.halt at 22
    }
    isa.queue alu 3 text [0, 1, 1004] {
      isa.alu.acc_sum at 10 repeat 6 every 1 a = <east 0 f32 last>, period = 3, init, dst = <east 4 i32>
      isa.halt at 16
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 3 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 4 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 0 bank 0 row 5 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 1 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 2 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 3 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 4 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 5 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["00408040000080008080008080804080"]
    isa.image slice 2 bank 0 row 1 rows 1 hex ["80804080408000000080008040804040"]
    isa.image slice 2 bank 0 row 2 rows 1 hex ["408080c0800080808080800080404080"]
    isa.image slice 2 bank 0 row 3 rows 1 hex ["80004040800000804040008040000080"]
    isa.image slice 2 bank 0 row 4 rows 1 hex ["80008080804000000040400040400000"]
    isa.image slice 2 bank 0 row 5 rows 1 hex ["80004040400080004040000000008000"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["4040c04000003fc040c0c0bf3fbfc0c0"]
    isa.image slice 3 bank 0 row 1 rows 1 hex ["c0c0c040c03f40c0c0bfc040c0404040"]
    isa.image slice 3 bank 0 row 2 rows 1 hex ["c0bf3f7f3f403fc0403f40c0bf40c0c0"]
    isa.image slice 3 bank 0 row 3 rows 1 hex ["bf40c040bfc000404040c0c0404040c0"]
    isa.image slice 3 bank 0 row 4 rows 1 hex ["c000bfbf40c000c0c040c0c0c0c0c040"]
    isa.image slice 3 bank 0 row 5 rows 1 hex ["3f00c04040c0c0c0c0400000c00040c0"]
  }
}
