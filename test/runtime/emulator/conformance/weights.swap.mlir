// weights.swap at 22: the pass of cycle 22 still sees the old (zero) weights, those of 23 and 24 the new ones;
// the second swap at 24 makes the empty shadow active for 25.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
// CHECK: cycles: 38
// CHECK-NEXT: chip 0 words row 32: 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
// CHECK-NEXT: chip 0 words row 33: ffffccb2 00000168 ffffe953 ffffd798 0000085b 000015ea ffffcbaa 00002ff1 ffffca06 ffffce9b ffffdf60 00002c04 00001755 fffffac0 ffffdea6 000018e7
// CHECK-NEXT: chip 0 words row 34: ffffccb2 00000168 ffffe953 ffffd798 0000085b 000015ea ffffcbaa 00002ff1 ffffca06 ffffce9b ffffdf60 00002c04 00001755 fffffac0 ffffdea6 000018e7
// CHECK-NEXT: chip 0 words row 35: 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
// CHECK-NOT: {{.}}
isa.program @weights_swap machine "nano" cycles 38 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 10 repeat 4 every 1 bank = 0, offset = 0, dir = east, stream = 4, stride = 0
      isa.halt at 14
    }
    isa.queue mem 4 text [7, 1, 1019] {
      isa.mem.read at 13 repeat 2 every 1 bank = 0, offset = 0, dir = east, stream = 0, stride = 1
      isa.mem.write at 33 repeat 4 every 1 bank = 0, offset = 32, dir = west, stream = 0, last, stride = 1
      isa.halt at 37
    }
    isa.queue mem 5 text [0, 1, 1016] {
      isa.mem.write at 32 repeat 4 every 1 bank = 0, offset = 32, dir = west, stream = 1, last, stride = 1
      isa.halt at 36
    }
    isa.queue mem 6 text [7, 1, 1015] {
      isa.mem.write at 31 repeat 4 every 1 bank = 0, offset = 32, dir = west, stream = 2, last, stride = 1
      isa.halt at 35
    }
    isa.queue mem 7 text [0, 1, 1012] {
      isa.mem.write at 30 repeat 4 every 1 bank = 0, offset = 32, dir = west, stream = 3, last, stride = 1
      isa.halt at 34
    }
    isa.queue weights 1 text [7, 1, 1008] {
      isa.weights.install at 20 stream = 0, n = 1, at = 0, lane_base = 0, lane_count = 16, last
      isa.weights.install at 21 stream = 0, n = 1, at = 1, lane_base = 0, lane_count = 16, last
      isa.weights.swap at 22
      isa.weights.swap at 24
      isa.halt at 25
    }
    isa.queue pass 1 text [0, 1, 1008] {
      isa.pass.run at 22 repeat 4 every 1 stream = 4, last, lane_base = 0, lane_count = 2, weight_row = 0, acc = 0, acc_stride = 1
      isa.halt at 26
    }
    isa.queue drain 1 text [7, 1, 1004] {
      isa.drain.row at 27 repeat 4 every 1 acc = 0, acc_stride = 1, stream = 0
      isa.halt at 31
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["b233803109bf8d3c7fc0de88881c999d"]
    isa.image slice 4 bank 0 row 0 rows 1 hex ["78423e4f139a6d9575536fad851d1fbc"]
    isa.image slice 4 bank 0 row 1 rows 1 hex ["b66cedae47d2a04da487065eb9128815"]
  }
}
