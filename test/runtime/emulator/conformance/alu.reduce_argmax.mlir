// reduce_argmax gives the lowest lane of the greatest value.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 3f800000 c0000000 40e00000 40400000 40e00000 40e00000 00000000 80000000 3f800000 40e00000 40000000 40000000 40c00000 40e00000 ff800000 40000000
// CHECK: cycles: 21
// CHECK-NEXT: chip 0 words row 0: 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002 00000002
// CHECK-NOT: {{.}}
isa.program @reduce_argmax machine "nano" cycles 21 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 4 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 5
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 5 bank = 0, offset = 0, dir = east, stream = 1
      isa.halt at 6
    }
    isa.queue mem 2 text [0, 1, 1016] {
      isa.mem.read at 6 bank = 0, offset = 0, dir = east, stream = 2
      isa.halt at 7
    }
    isa.queue mem 3 text [7, 1, 1016] {
      isa.mem.read at 7 bank = 0, offset = 0, dir = east, stream = 3
      isa.halt at 8
    }
    isa.queue mem 4 text [0, 1, 1012] {
      isa.mem.write at 16 bank = 0, offset = 0, dir = east, stream = 4, last
      isa.halt at 17
    }
    isa.queue mem 5 text [7, 1, 1012] {
      isa.mem.write at 17 bank = 0, offset = 0, dir = east, stream = 5, last
      isa.halt at 18
    }
    isa.queue mem 6 text [0, 1, 1008] {
      isa.mem.write at 18 bank = 0, offset = 0, dir = east, stream = 6, last
      isa.halt at 19
    }
    isa.queue mem 7 text [7, 1, 1008] {
      isa.mem.write at 19 bank = 0, offset = 0, dir = east, stream = 7, last
      isa.halt at 20
    }
    isa.queue alu 2 text [0, 1, 1004] {
      isa.alu.reduce_argmax at 10 a = <east 0 f32 last>, dst = <east 4 i32>, group = 16
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["00000000000000000000000000000000"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["8000e040e0e0000080e00000c0e08000"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["3fc04040404000803f4040404040ff40"]
  }
}
