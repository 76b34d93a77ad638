// An fp16 pass over int8 weights.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: unspecified-behaviour at cycle 22 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 pass 1 [0] at cycle 22: pass.run
// CHECK-NEXT: {{^}}  other: chip 0 weights 1 [0] at cycle 20: weights.install
isa.program @unspecified_behaviour machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 8 bank = 0, offset = 0, dir = east, stream = 0
      isa.halt at 9
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 11 bank = 0, offset = 0, dir = east, stream = 2
      isa.halt at 12
    }
    isa.queue mem 2 text [0, 1, 1016] {
      isa.mem.read at 12 bank = 0, offset = 0, dir = east, stream = 3
      isa.halt at 13
    }
    isa.queue weights 1 text [7, 1, 1015] {
      isa.weights.install at 20 stream = 0, n = 1, at = 0, lane_base = 0, lane_count = 16, last
      isa.weights.swap at 21
      isa.halt at 22
    }
    isa.queue pass 1 text [0, 1, 1012] {
      isa.pass.run at 22 fp16, stream = 2, last, lane_base = 0, lane_count = 4, weight_row = 0, acc = 0
      isa.halt at 23
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 2 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
