// On zeros, ties, subnormals, infinities and NaN, floor gives the bits of docs/isa.md, section 10.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 00000000 80000000 3f800000 bfc00000 40200000 c0200000 3e99999a c2c88000 4f32d05e cf32d05e 000116c2 7f61b1e6 7f800000 ff800000 7fc00000 4640e6b6
// CHECK: cycles: 18
// CHECK-NEXT: chip 0 words row 0: 00000000 80000000 3f800000 c0000000 40000000 c0400000 00000000 c2ca0000 4f32d05e cf32d05e 00000000 7f61b1e6 7f800000 ff800000 7fc00000 4640e400
// CHECK-NOT: {{.}}
isa.program @floor machine "nano" cycles 18 {
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
      isa.mem.write at 13 bank = 0, offset = 0, dir = east, stream = 4, last
      isa.halt at 14
    }
    isa.queue mem 5 text [7, 1, 1012] {
      isa.mem.write at 14 bank = 0, offset = 0, dir = east, stream = 5, last
      isa.halt at 15
    }
    isa.queue mem 6 text [0, 1, 1008] {
      isa.mem.write at 15 bank = 0, offset = 0, dir = east, stream = 6, last
      isa.halt at 16
    }
    isa.queue mem 7 text [7, 1, 1008] {
      isa.mem.write at 16 bank = 0, offset = 0, dir = east, stream = 7, last
      isa.halt at 17
    }
    isa.queue alu 0 text [0, 1, 1004] {
      isa.alu.floor at 10 a = <east 0 f32 last>, dst = <east 4 i32>
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0000000000009a005e5ec2e6000000b6"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["0000000000009980d0d016b1000000e6"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["000080c0202099c8323201618080c040"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["00803fbf40c03ec24fcf007f7fff7f46"]
  }
}
