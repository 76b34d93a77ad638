// shuffle.rotate: within 16 lanes out[(i + amount) mod 16] = in[i]; by 1 and by 15.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 27
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: 100102030405060708090a0b0c0d0e0f
// CHECK-NEXT: chip 0 slice 1 bank 0 row 1: 02030405060708090a0b0c0d0e0f1001
// CHECK-NOT: {{.}}
isa.program @shuffle_rotate machine "nano" cycles 27 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 17 repeat 2 every 1 bank = 0, offset = 0, dir = west, stream = 0, stride = 0
      isa.halt at 19
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 24 repeat 2 every 1 bank = 0, offset = 0, dir = east, stream = 1, last, stride = 1
      isa.halt at 26
    }
    isa.queue shuffle 0 text [0, 1, 1015] {
      isa.shuffle.rotate at 20 dir = west, stream = 0, last, odir = east, ostream = 1, amount = 1
      isa.shuffle.rotate at 21 dir = west, stream = 0, last, odir = east, ostream = 1, amount = 15
      isa.halt at 22
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0102030405060708090a0b0c0d0e0f10"]
  }
}
