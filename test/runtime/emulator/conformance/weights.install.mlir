// weights.install, rows mode: rows 3 to 6, lanes 2 to 13 (other columns of these rows become zero);
// then columns mode: columns 14 and 15, weight rows 5 to 12 from lanes 4 to 11 (the rest of the columns keeps its value).
// One pass shows all weights at work.
// RUN: %python %S/../Inputs/run_isa.py %s %t --words | FileCheck %s
// CHECK: cycles: 37
// CHECK-NEXT: chip 0 words row 32: 00000000 00000000 00005c05 00001c46 00002fe4 000003eb 00001c2c 00000b54 00005c8f 000048ce 0000125f 000019bd 00001189 fffffb35 000000d6 00006a2d
// CHECK-NOT: {{.}}
isa.program @weights_install machine "nano" cycles 37 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 12 bank = 0, offset = 0, dir = east, stream = 4
      isa.halt at 13
    }
    isa.queue mem 4 text [7, 1, 1018] {
      isa.mem.read at 13 bank = 0, offset = 0, dir = east, stream = 0
      isa.mem.read at 15 bank = 0, offset = 1, dir = east, stream = 0
      isa.mem.write at 35 bank = 0, offset = 32, dir = west, stream = 0, last
      isa.halt at 36
    }
    isa.queue mem 5 text [0, 1, 1014] {
      isa.mem.read at 14 bank = 0, offset = 0, dir = east, stream = 1
      isa.mem.read at 16 bank = 0, offset = 1, dir = east, stream = 1
      isa.mem.write at 34 bank = 0, offset = 32, dir = west, stream = 1, last
      isa.halt at 35
    }
    isa.queue mem 6 text [7, 1, 1013] {
      isa.mem.read at 15 bank = 0, offset = 0, dir = east, stream = 2
      isa.mem.write at 33 bank = 0, offset = 32, dir = west, stream = 2, last
      isa.halt at 34
    }
    isa.queue mem 7 text [0, 1, 1009] {
      isa.mem.read at 16 bank = 0, offset = 0, dir = east, stream = 3
      isa.mem.write at 32 bank = 0, offset = 32, dir = west, stream = 3, last
      isa.halt at 33
    }
    isa.queue weights 1 text [7, 1, 1007] {
      isa.weights.install at 20 stream = 0, n = 4, at = 3, lane_base = 2, lane_count = 12, last
      isa.weights.install at 22 columns, stream = 0, n = 2, at = 14, row = 5, lane_base = 4, lane_count = 8, last
      isa.weights.swap at 23
      isa.halt at 24
    }
    isa.queue pass 1 text [0, 1, 1005] {
      isa.pass.run at 24 stream = 4, last, lane_base = 0, lane_count = 16, weight_row = 0, acc = 0
      isa.halt at 25
    }
    isa.queue drain 1 text [7, 1, 1003] {
      isa.drain.row at 29 acc = 0, stream = 0
      isa.halt at 30
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["b233803109bf8d3c7fc0de88881c999d"]
    isa.image slice 4 bank 0 row 0 rows 1 hex ["78423e4f139a6d9575536fad851d1fbc"]
    isa.image slice 4 bank 0 row 1 rows 1 hex ["8e8f968a1050989887a98bd5bbe861ee"]
    isa.image slice 5 bank 0 row 0 rows 1 hex ["b66cedae47d2a04da487065eb9128815"]
    isa.image slice 5 bank 0 row 1 rows 1 hex ["6249881f9a9b23faa1a949c3c62664a8"]
    isa.image slice 6 bank 0 row 0 rows 1 hex ["8e8f968a1050989887a98bd5bbe861ee"]
    isa.image slice 7 bank 0 row 0 rows 1 hex ["6249881f9a9b23faa1a949c3c62664a8"]
  }
}
