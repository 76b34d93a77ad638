// i2f rounds to nearest even (16777217).
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 00000000 00000001 ffffffff 7fffffff 80000000 00000005 fffffffb 075bcd15 12345678 01000001 80000001 000000ff 0000001f 00000020 00000021 000003e8
// CHECK: cycles: 18
// CHECK-NEXT: chip 0 words row 0: 00000000 3f800000 bf800000 4f000000 cf000000 40a00000 c0a00000 4ceb79a3 4d91a2b4 4b800000 cf000000 437f0000 41f80000 42000000 42040000 447a0000
// CHECK-NOT: {{.}}
isa.program @i2f machine "nano" cycles 18 {
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
      isa.alu.i2f at 10 a = <east 0 f32 last>, dst = <east 4 i32>
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0001ffff0005fb15780101ff1f2021e8"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["0000ffff0000ffcd5600000000000003"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["0000ffff0000ff5b3400000000000000"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["0000ff7f8000ff071201800000000000"]
  }
}
