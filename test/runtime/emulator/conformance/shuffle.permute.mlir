// shuffle.permute: out[i] = in[map[i]], zero where map[i] >= lanes.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 28
// CHECK-NEXT: chip 0 slice 1 bank 0 row 20: 10010004000606020300050a0f0e0d0c
// CHECK-NEXT: chip 0 slice 1 bank 0 row 21: 100f0e0d0c0b0a090807060504030201
// CHECK-NOT: {{.}}
isa.program @shuffle_permute machine "nano" cycles 28 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1018] {
      isa.mem.read at 15 bank = 0, offset = 0, dir = west, stream = 2
      isa.mem.read at 17 bank = 0, offset = 1, dir = west, stream = 2
      isa.mem.read at 18 repeat 2 every 1 bank = 0, offset = 10, dir = west, stream = 0, stride = 0
      isa.halt at 20
    }
    isa.queue mem 1 text [7, 1, 1018] {
      isa.mem.read at 14 bank = 0, offset = 0, dir = west, stream = 3
      isa.mem.read at 16 bank = 0, offset = 1, dir = west, stream = 3
      isa.mem.write at 25 repeat 2 every 1 bank = 0, offset = 20, dir = east, stream = 1, last, stride = 1
      isa.halt at 27
    }
    isa.queue shuffle 0 text [0, 1, 1012] {
      isa.shuffle.loadmap at 18 dir = west, stream = 2, last
      isa.shuffle.loadmap at 20 dir = west, stream = 2, last
      isa.shuffle.permute at 21 repeat 2 every 1 dir = west, stream = 0, last, odir = east, ostream = 1
      isa.halt at 23
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0f001003ff050501022c04090e0d0c0b"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["0f0e0d0c0b0a09080706050403020100"]
    isa.image slice 0 bank 0 row 10 rows 1 hex ["0102030405060708090a0b0c0d0e0f10"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["00000000ff0000000001000000000000"]
    isa.image slice 1 bank 0 row 1 rows 1 hex ["00000000000000000000000000000000"]
  }
}
