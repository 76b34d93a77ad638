// On zeros, ties, subnormals, infinities and NaN, cmple gives the bits of docs/isa.md, section 10.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 00000000 80000000 3f800000 bfc00000 40200000 c0200000 3e99999a c2c88000 4f32d05e cf32d05e 000116c2 7f61b1e6 7f800000 ff800000 7fc00000 4640e6b6
//   b: 80000000 00000000 40000000 bfc00000 3f000000 40e80000 be99999a 42c88000 00000001 4f32d05e 800116c2 7f61b1e6 7f800000 3f800000 3f800000 ffc00000
// CHECK: cycles: 20
// CHECK-NEXT: chip 0 words row 0: 00000001 00000001 00000001 00000001 00000000 00000001 00000000 00000001 00000000 00000001 00000000 00000001 00000001 00000001 00000000 00000000
// CHECK-NOT: {{.}}
isa.program @cmple machine "nano" cycles 20 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 4 bank = 0, offset = 0, dir = east, stream = 0
      isa.mem.read at 6 bank = 0, offset = 10, dir = east, stream = 0
      isa.halt at 7
    }
    isa.queue mem 1 text [7, 1, 1019] {
      isa.mem.read at 5 bank = 0, offset = 0, dir = east, stream = 1
      isa.mem.read at 7 bank = 0, offset = 10, dir = east, stream = 1
      isa.halt at 8
    }
    isa.queue mem 2 text [0, 1, 1014] {
      isa.mem.read at 6 bank = 0, offset = 0, dir = east, stream = 2
      isa.mem.read at 8 bank = 0, offset = 10, dir = east, stream = 2
      isa.halt at 9
    }
    isa.queue mem 3 text [7, 1, 1014] {
      isa.mem.read at 7 bank = 0, offset = 0, dir = east, stream = 3
      isa.mem.read at 9 bank = 0, offset = 10, dir = east, stream = 3
      isa.halt at 10
    }
    isa.queue mem 4 text [0, 1, 1010] {
      isa.mem.write at 15 bank = 0, offset = 0, dir = east, stream = 4, last
      isa.halt at 16
    }
    isa.queue mem 5 text [7, 1, 1010] {
      isa.mem.write at 16 bank = 0, offset = 0, dir = east, stream = 5, last
      isa.halt at 17
    }
    isa.queue mem 6 text [0, 1, 1006] {
      isa.mem.write at 17 bank = 0, offset = 0, dir = east, stream = 6, last
      isa.halt at 18
    }
    isa.queue mem 7 text [7, 1, 1006] {
      isa.mem.write at 18 bank = 0, offset = 0, dir = east, stream = 7, last
      isa.halt at 19
    }
    isa.queue alu 0 text [0, 1, 1002] {
      isa.alu.cmple at 12 a = <alu 5 age 0>, b = <east 0 f32 last>, dst = <east 4 i32>
      isa.halt at 13
    }
    isa.queue alu 5 text [7, 1, 1002] {
      isa.alu.mov at 10 a = <east 0 f32 last>
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0000000000009a005e5ec2e6000000b6"]
    isa.image slice 0 bank 0 row 10 rows 1 hex ["0000000000009a00015ec2e600000000"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["0000000000009980d0d016b1000000e6"]
    isa.image slice 1 bank 0 row 10 rows 1 hex ["000000000000998000d016b100000000"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["000080c0202099c8323201618080c040"]
    isa.image slice 2 bank 0 row 10 rows 1 hex ["000000c000e899c800320161808080c0"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["00803fbf40c03ec24fcf007f7fff7f46"]
    isa.image slice 3 bank 0 row 10 rows 1 hex ["800040bf3f40be42004f807f7f3f3fff"]
  }
}
