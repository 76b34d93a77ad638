// fetch: a queue of 25 text rows in a buffer of 16; rows 16 to 24 take the places of rows 0 to 8, and are usable in time.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 28
// CHECK-NEXT: chip 0 slice 1 bank 0 row 0: 01010101010101010101010101010101
// CHECK-NEXT: chip 0 slice 1 bank 0 row 1: 02020202020202020202020202020202
// CHECK-NEXT: chip 0 slice 1 bank 0 row 2: 03030303030303030303030303030303
// CHECK-NEXT: chip 0 slice 1 bank 0 row 3: 04040404040404040404040404040404
// CHECK-NEXT: chip 0 slice 1 bank 0 row 4: 05050505050505050505050505050505
// CHECK-NEXT: chip 0 slice 1 bank 0 row 5: 06060606060606060606060606060606
// CHECK-NEXT: chip 0 slice 1 bank 0 row 6: 07070707070707070707070707070707
// CHECK-NEXT: chip 0 slice 1 bank 0 row 7: 08080808080808080808080808080808
// CHECK-NEXT: chip 0 slice 1 bank 0 row 8: 09090909090909090909090909090909
// CHECK-NEXT: chip 0 slice 1 bank 0 row 9: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
// CHECK-NEXT: chip 0 slice 1 bank 0 row 10: 0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b
// CHECK-NEXT: chip 0 slice 1 bank 0 row 11: 0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c
// CHECK-NEXT: chip 0 slice 1 bank 0 row 12: 0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d
// CHECK-NEXT: chip 0 slice 1 bank 0 row 13: 0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e
// CHECK-NEXT: chip 0 slice 1 bank 0 row 14: 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
// CHECK-NEXT: chip 0 slice 1 bank 0 row 15: 10101010101010101010101010101010
// CHECK-NEXT: chip 0 slice 1 bank 0 row 16: 11111111111111111111111111111111
// CHECK-NEXT: chip 0 slice 1 bank 0 row 17: 12121212121212121212121212121212
// CHECK-NEXT: chip 0 slice 1 bank 0 row 18: 13131313131313131313131313131313
// CHECK-NEXT: chip 0 slice 1 bank 0 row 19: 14141414141414141414141414141414
// CHECK-NEXT: chip 0 slice 1 bank 0 row 20: 15151515151515151515151515151515
// CHECK-NEXT: chip 0 slice 1 bank 0 row 21: 16161616161616161616161616161616
// CHECK-NEXT: chip 0 slice 1 bank 0 row 22: 17171717171717171717171717171717
// CHECK-NOT: {{.}}
isa.program @fetch machine "nano" cycles 28 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 997] {
      isa.mem.read at 0 bank = 0, offset = 0, dir = east, stream = 2
      isa.mem.read at 1 bank = 0, offset = 1, dir = east, stream = 2
      isa.mem.read at 2 bank = 0, offset = 2, dir = east, stream = 2
      isa.mem.read at 3 bank = 0, offset = 3, dir = east, stream = 2
      isa.mem.read at 4 bank = 0, offset = 4, dir = east, stream = 2
      isa.mem.read at 5 bank = 0, offset = 5, dir = east, stream = 2
      isa.mem.read at 6 bank = 0, offset = 6, dir = east, stream = 2
      isa.mem.read at 7 bank = 0, offset = 7, dir = east, stream = 2
      isa.mem.read at 8 bank = 0, offset = 8, dir = east, stream = 2
      isa.fetch at 9 row = 16, rows = 9
      isa.mem.read at 10 bank = 0, offset = 9, dir = east, stream = 2
      isa.mem.read at 11 bank = 0, offset = 10, dir = east, stream = 2
      isa.mem.read at 12 bank = 0, offset = 11, dir = east, stream = 2
      isa.mem.read at 13 bank = 0, offset = 12, dir = east, stream = 2
      isa.mem.read at 14 bank = 0, offset = 13, dir = east, stream = 2
      isa.mem.read at 15 bank = 0, offset = 14, dir = east, stream = 2
      isa.mem.read at 16 bank = 0, offset = 15, dir = east, stream = 2
      isa.mem.read at 17 bank = 0, offset = 16, dir = east, stream = 2
      isa.mem.read at 18 bank = 0, offset = 17, dir = east, stream = 2
      isa.mem.read at 19 bank = 0, offset = 18, dir = east, stream = 2
      isa.mem.read at 20 bank = 0, offset = 19, dir = east, stream = 2
      isa.mem.read at 21 bank = 0, offset = 20, dir = east, stream = 2
      isa.mem.read at 22 bank = 0, offset = 21, dir = east, stream = 2
      isa.mem.read at 23 bank = 0, offset = 22, dir = east, stream = 2
      isa.halt at 24
    }
    isa.queue mem 1 text [7, 1, 1019] {
      isa.mem.write at 3 repeat 9 every 1 bank = 0, offset = 0, stride = 1, dir = east, stream = 2, last
      isa.mem.write at 13 repeat 14 every 1 bank = 0, offset = 9, stride = 1, dir = east, stream = 2, last
      isa.halt at 27
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["01010101010101010101010101010101"]
    isa.image slice 0 bank 0 row 1 rows 1 hex ["02020202020202020202020202020202"]
    isa.image slice 0 bank 0 row 2 rows 1 hex ["03030303030303030303030303030303"]
    isa.image slice 0 bank 0 row 3 rows 1 hex ["04040404040404040404040404040404"]
    isa.image slice 0 bank 0 row 4 rows 1 hex ["05050505050505050505050505050505"]
    isa.image slice 0 bank 0 row 5 rows 1 hex ["06060606060606060606060606060606"]
    isa.image slice 0 bank 0 row 6 rows 1 hex ["07070707070707070707070707070707"]
    isa.image slice 0 bank 0 row 7 rows 1 hex ["08080808080808080808080808080808"]
    isa.image slice 0 bank 0 row 8 rows 1 hex ["09090909090909090909090909090909"]
    isa.image slice 0 bank 0 row 9 rows 1 hex ["0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"]
    isa.image slice 0 bank 0 row 10 rows 1 hex ["0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"]
    isa.image slice 0 bank 0 row 11 rows 1 hex ["0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"]
    isa.image slice 0 bank 0 row 12 rows 1 hex ["0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d"]
    isa.image slice 0 bank 0 row 13 rows 1 hex ["0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e"]
    isa.image slice 0 bank 0 row 14 rows 1 hex ["0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"]
    isa.image slice 0 bank 0 row 15 rows 1 hex ["10101010101010101010101010101010"]
    isa.image slice 0 bank 0 row 16 rows 1 hex ["11111111111111111111111111111111"]
    isa.image slice 0 bank 0 row 17 rows 1 hex ["12121212121212121212121212121212"]
    isa.image slice 0 bank 0 row 18 rows 1 hex ["13131313131313131313131313131313"]
    isa.image slice 0 bank 0 row 19 rows 1 hex ["14141414141414141414141414141414"]
    isa.image slice 0 bank 0 row 20 rows 1 hex ["15151515151515151515151515151515"]
    isa.image slice 0 bank 0 row 21 rows 1 hex ["16161616161616161616161616161616"]
    isa.image slice 0 bank 0 row 22 rows 1 hex ["17171717171717171717171717171717"]
  }
}
