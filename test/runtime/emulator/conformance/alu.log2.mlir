// log2 follows section 11: zeros, negatives, subnormals, both ends of the mantissa interval.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 00000000 80000000 3f800000 bfc00000 40200000 3f400000 3f000000 000116c2 00000001 7f61b1e6 3f3504f3 3fb504f3 7f800000 ff800000 7fc00000 41200000
// CHECK: cycles: 20
// CHECK-NEXT: chip 0 words row 0: ff800000 ff800000 00000000 7fc00000 3fa934f0 bed47fcc bf800000 c304e08c c3150000 42ffa2ef bf000001 3efffffe 7f800000 7fc00000 7fc00000 40549a78
// CHECK-NOT: {{.}}
isa.program @log2 machine "nano" cycles 20 {
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
      isa.alu.log2 at 10 a = <east 0 f32 last>, dst = <east 4 i32>
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["00000000000000c201e6f3f300000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["000000000000001600b1040400000000"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["000080c020400001006135b58080c020"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["00803fbf403f3f00007f3f3f7fff7f41"]
  }
}
