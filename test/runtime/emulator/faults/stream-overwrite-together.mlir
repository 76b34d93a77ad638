// Two ALUs write one slot in one cycle: the one of the higher queue number is the offender.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: stream-overwrite at cycle 7 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 1 [0] at cycle 5: alu.mov
// CHECK-NEXT: {{^}}  other: chip 0 alu 0 [0] at cycle 5: alu.mov
isa.program @stream_overwrite_together machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue alu 0 text [0, 1, 1020] {
      isa.alu.mov at 5 a = <lane>, dst = <east 4 i32>
      isa.halt at 6
    }
    isa.queue alu 1 text [7, 1, 1020] {
      isa.alu.mov at 5 a = <lane>, dst = <east 4 i32>
      isa.halt at 6
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
}
