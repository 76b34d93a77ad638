// shuffle.shift: out[i] = in[i - amount], zeros move in; by 3, by -5, by 16.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 28
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: 0000000102030405060708090a0b0c0d
// CHECK-NEXT: chip 0 slice 1 bank 0 row 1: 060708090a0b0c0d0e0f100000000000
// CHECK-NEXT: chip 0 slice 1 bank 0 row 2: 00000000000000000000000000000000
// CHECK-NOT: {{.}}
isa.program @shuffle_shift machine "nano" cycles 28 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 17 repeat 3 every 1 bank = 0, offset = 0, dir = west, stream = 0, stride = 0
      isa.halt at 20
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 24 repeat 3 every 1 bank = 0, offset = 0, dir = east, stream = 1, last, stride = 1
      isa.halt at 27
    }
    isa.queue shuffle 0 text [0, 1, 1014] {
      isa.shuffle.shift at 20 dir = west, stream = 0, last, odir = east, ostream = 1, amount = 3
      isa.shuffle.shift at 21 dir = west, stream = 0, last, odir = east, ostream = 1, amount = -5
      isa.shuffle.shift at 22 dir = west, stream = 0, last, odir = east, ostream = 1, amount = 16
      isa.halt at 23
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0102030405060708090a0b0c0d0e0f10"]
  }
}
