// An fp16 pass keeps the plane busy for `fp16_interval` cycles.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: unit-conflict at cycle 21 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 pass 1 [0] at cycle 21: pass.run
// CHECK-NEXT: {{^}}  other: chip 0 pass 1 [0] at cycle 20: pass.run
// CHECK-NEXT: {{^}}  an fp16 pass
isa.program @unit_conflict_fp16 machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 8 repeat 2 every 1 bank = 0, offset = 0, dir = east, stream = 0, stride = 0
      isa.halt at 10
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.read at 9 repeat 2 every 1 bank = 0, offset = 0, dir = east, stream = 1, stride = 0
      isa.halt at 11
    }
    isa.queue pass 1 text [0, 1, 1016] {
      isa.pass.run at 20 repeat 2 every 1 fp16, stream = 0, last, lane_base = 0, lane_count = 4, weight_row = 0, acc = 0
      isa.halt at 22
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
    isa.image slice 1 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
