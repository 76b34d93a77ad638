// On integers, isub gives the bits of docs/isa.md, section 10.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
//   a: 00000000 00000001 ffffffff 7fffffff 80000000 00000005 fffffffb 075bcd15 12345678 01000001 80000001 000000ff 0000001f 00000020 00000021 000003e8
//   b: 00000000 00000002 00000001 00000001 ffffffff 00000005 00000003 3ade68b1 00000004 0000001f 00000021 00000008 0000001f 00000001 80000000 fffffc18
// CHECK: cycles: 20
// CHECK-NEXT: chip 0 words row 0: 00000000 ffffffff fffffffe 7ffffffe 80000001 00000000 fffffff8 cc7d6464 12345674 00ffffe2 7fffffe0 000000f7 00000000 0000001f 80000021 000007d0
// CHECK-NOT: {{.}}
isa.program @isub machine "nano" cycles 20 {
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
      isa.alu.isub at 12 a = <alu 5 age 0>, b = <east 0 f32 last>, dst = <east 4 i32>
      isa.halt at 13
    }
    isa.queue alu 5 text [7, 1, 1002] {
      isa.alu.mov at 10 a = <east 0 f32 last>
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["0001ffff0005fb15780101ff1f2021e8"]
    isa.image slice 0 bank 0 row 10 rows 1 hex ["00020101ff0503b1041f21081f010018"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["0000ffff0000ffcd5600000000000003"]
    isa.image slice 1 bank 0 row 10 rows 1 hex ["00000000ff00006800000000000000fc"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["0000ffff0000ff5b3400000000000000"]
    isa.image slice 2 bank 0 row 10 rows 1 hex ["00000000ff0000de00000000000000ff"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["0000ff7f8000ff071201800000000000"]
    isa.image slice 3 bank 0 row 10 rows 1 hex ["00000000ff00003a00000000000080ff"]
  }
}
