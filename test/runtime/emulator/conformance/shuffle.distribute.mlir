// shuffle.distribute: out[i] = in[nibble i of map], within 16 lanes.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 26
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: 0101100408080802030405060f0e0d0c
// CHECK-NOT: {{.}}
isa.program @shuffle_distribute machine "nano" cycles 26 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 17 bank = 0, offset = 0, dir = west, stream = 0
      isa.halt at 18
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 24 bank = 0, offset = 0, dir = east, stream = 1, last
      isa.halt at 25
    }
    isa.queue shuffle 0 text [0, 1, 1016] {
      isa.shuffle.distribute at 20 dir = west, stream = 0, last, odir = east, ostream = 1, map = 0xbcde543217773f00
      isa.halt at 21
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0102030405060708090a0b0c0d0e0f10"]
  }
}
