// exp2 follows section 11: powers of two exact, subnormal results, overflow, infinities, NaN.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 00000000 80000000 3f800000 bfc00000 40200000 42ff0000 43000000 c2fd0000 c30c4ccd c3150000 c3160000 c3170000 7f800000 ff800000 7fc00000 3e99999a
// CHECK: cycles: 20
// CHECK-NEXT: chip 0 words row 0: 3f800000 3f800000 40000000 3eb504f3 40b504f3 7f3504f3 7f800000 005a827a 000001a0 00000001 00000000 00000000 7f800000 00000000 7fc00000 3f9d9624
// CHECK-NOT: {{.}}
isa.program @exp2 machine "nano" cycles 20 {
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
      isa.mem.write at 15 bank = 0, offset = 0, dir = east, stream = 4, last
      isa.halt at 16
    }
    isa.queue mem 5 text [7, 1, 1012] {
      isa.mem.write at 16 bank = 0, offset = 0, dir = east, stream = 5, last
      isa.halt at 17
    }
    isa.queue mem 6 text [0, 1, 1008] {
      isa.mem.write at 17 bank = 0, offset = 0, dir = east, stream = 6, last
      isa.halt at 18
    }
    isa.queue mem 7 text [7, 1, 1008] {
      isa.mem.write at 18 bank = 0, offset = 0, dir = east, stream = 7, last
      isa.halt at 19
    }
    isa.queue alu 0 text [0, 1, 1004] {
      isa.alu.exp2 at 10 a = <east 0 f32 last>, dst = <east 4 i32>
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0000000000000000cd0000000000009a"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["00000000000000004c00000000000099"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["000080c020ff00fd0c1516178080c099"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["00803fbf404243c2c3c3c3c37fff7f3e"]
  }
}
