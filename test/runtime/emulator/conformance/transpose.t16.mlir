// transpose.t16: stream i of the result holds element i of every input stream.
// Streams 0 to 7 come from the slices, 8 to 15 from two ALUs; the results 8 to 15 are taken in by ALUs, and follow later.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 49
// CHECK-NEXT: chip 0 slice 0 bank 0 row 1: fecca8242a3548450000000001020304
// CHECK-NEXT: chip 0 slice 1 bank 0 row 1: e318726df93298190100000001020304
// CHECK-NEXT: chip 0 slice 2 bank 0 row 1: 22ebccedd0964ab80200000001020304
// CHECK-NEXT: chip 0 slice 3 bank 0 row 1: 79083f45a3dcd01f0300000001020304
// CHECK-NEXT: chip 0 slice 4 bank 0 row 1: f2f59f33022e3a240400000001020304
// CHECK-NEXT: chip 0 slice 4 bank 0 row 2: 66d148c962a30a2e0800000001020304
// CHECK-NEXT: chip 0 slice 4 bank 0 row 3: baad454c3299a70c0c00000001020304
// CHECK-NEXT: chip 0 slice 5 bank 0 row 1: bca32f512c3c4c2d0500000001020304
// CHECK-NEXT: chip 0 slice 5 bank 0 row 2: a76f703a029bd40c0900000001020304
// CHECK-NEXT: chip 0 slice 5 bank 0 row 3: 95af1f461dc176700d00000001020304
// CHECK-NEXT: chip 0 slice 6 bank 0 row 1: 06e6d3e3b1e5699d0600000001020304
// CHECK-NEXT: chip 0 slice 6 bank 0 row 2: 52ab78c9f27fe1d90a00000001020304
// CHECK-NEXT: chip 0 slice 6 bank 0 row 3: 51d95fc00ec2d5180e00000001020304
// CHECK-NEXT: chip 0 slice 7 bank 0 row 1: 82244fd28bbf544d0700000001020304
// CHECK-NEXT: chip 0 slice 7 bank 0 row 2: c0d1dd4115d5731f0b00000001020304
// CHECK-NEXT: chip 0 slice 7 bank 0 row 3: f2f16c680788c8740f00000001020304
// CHECK-NOT: {{.}}
isa.program @transpose_t16 machine "nano" cycles 49 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1019] {
      isa.mem.read at 27 bank = 0, offset = 0, dir = west, stream = 0
      isa.mem.write at 35 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 36
    }
    isa.queue mem 1 text [7, 1, 1019] {
      isa.mem.read at 26 bank = 0, offset = 0, dir = west, stream = 1
      isa.mem.write at 36 bank = 0, offset = 1, dir = east, stream = 1, last
      isa.halt at 37
    }
    isa.queue mem 2 text [0, 1, 1014] {
      isa.mem.read at 25 bank = 0, offset = 0, dir = west, stream = 2
      isa.mem.write at 37 bank = 0, offset = 1, dir = east, stream = 2, last
      isa.halt at 38
    }
    isa.queue mem 3 text [7, 1, 1014] {
      isa.mem.read at 24 bank = 0, offset = 0, dir = west, stream = 3
      isa.mem.write at 38 bank = 0, offset = 1, dir = east, stream = 3, last
      isa.halt at 39
    }
    isa.queue mem 4 text [0, 1, 1007] {
      isa.mem.read at 22 bank = 0, offset = 0, dir = west, stream = 4
      isa.mem.write at 40 bank = 0, offset = 1, dir = east, stream = 4, last
      isa.mem.write at 42 bank = 0, offset = 2, dir = east, stream = 8, last
      isa.mem.write at 44 bank = 0, offset = 3, dir = east, stream = 12, last
      isa.halt at 45
    }
    isa.queue mem 5 text [7, 1, 1007] {
      isa.mem.read at 21 bank = 0, offset = 0, dir = west, stream = 5
      isa.mem.write at 41 bank = 0, offset = 1, dir = east, stream = 5, last
      isa.mem.write at 43 bank = 0, offset = 2, dir = east, stream = 9, last
      isa.mem.write at 45 bank = 0, offset = 3, dir = east, stream = 13, last
      isa.halt at 46
    }
    isa.queue mem 6 text [0, 1, 1000] {
      isa.mem.read at 20 bank = 0, offset = 0, dir = west, stream = 6
      isa.mem.write at 42 bank = 0, offset = 1, dir = east, stream = 6, last
      isa.mem.write at 44 bank = 0, offset = 2, dir = east, stream = 10, last
      isa.mem.write at 46 bank = 0, offset = 3, dir = east, stream = 14, last
      isa.halt at 47
    }
    isa.queue mem 7 text [7, 1, 1000] {
      isa.mem.read at 19 bank = 0, offset = 0, dir = west, stream = 7
      isa.mem.write at 43 bank = 0, offset = 1, dir = east, stream = 7, last
      isa.mem.write at 45 bank = 0, offset = 2, dir = east, stream = 11, last
      isa.mem.write at 47 bank = 0, offset = 3, dir = east, stream = 15, last
      isa.halt at 48
    }
    isa.queue alu 0 text [0, 1, 996] {
      isa.alu.mov at 23 a = <lane>, dst = <west 8 i32>
      isa.halt at 24
    }
    isa.queue alu 1 text [7, 1, 996] {
      isa.alu.mov at 23 a = <imm>, dst = <west 12 i32>, imm = 0x04030201
      isa.halt at 24
    }
    isa.queue alu 3 text [0, 1, 992] {
      isa.alu.mov at 39 a = <east 8 i32 last>, dst = <east 8 i32>
      isa.halt at 40
    }
    isa.queue alu 4 text [7, 1, 992] {
      isa.alu.mov at 39 a = <east 12 i32 last>
      isa.halt at 40
    }
    isa.queue alu 5 text [0, 1, 988] {
      isa.alu.mov at 41 a = <alu 4 age 0>, dst = <east 12 i32>
      isa.halt at 42
    }
    isa.queue transpose 0 text [7, 1, 988] {
      isa.transpose.t16 at 30 dir = west, stream = 0, last, odir = east, ostream = 0
      isa.halt at 31
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["cc18eb08f5a3e624d16fabd1adafd9f1"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["a872cc3f9f2fd34f487078dd451f5f6c"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["246ded453351e3d2c93ac9414c46c068"]
    isa.image slice 4 bank 0 row 0 rows 1 hex ["2af9d0a3022cb18b6202f215321d0e07"]
    isa.image slice 5 bank 0 row 0 rows 1 hex ["353296dc2e3ce5bfa39b7fd599c1c288"]
    isa.image slice 6 bank 0 row 0 rows 1 hex ["48984ad03a4c69540ad4e173a776d5c8"]
    isa.image slice 7 bank 0 row 0 rows 1 hex ["4519b81f242d9d4d2e0cd91f0c701874"]
  }
}
