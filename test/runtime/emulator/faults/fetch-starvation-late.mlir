// Row 16 is needed in cycle 16; fetched in cycle 12 it is usable from 12 + 1 + 4 on.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: fetch-starvation at cycle 16 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 3 [16] at cycle 16: alu.mov
// CHECK-NEXT: {{^}}  other: chip 0 alu 3 [12] at cycle 12: fetch
// CHECK-NEXT: {{^}}  text row 16 is usable from cycle 17
isa.program @fetch_starvation_late machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue alu 3 text [0, 1, 1002] {
      isa.alu.mov at 0 a = <lane>
      isa.alu.mov at 1 a = <lane>
      isa.alu.mov at 2 a = <lane>
      isa.alu.mov at 3 a = <lane>
      isa.alu.mov at 4 a = <lane>
      isa.alu.mov at 5 a = <lane>
      isa.alu.mov at 6 a = <lane>
      isa.alu.mov at 7 a = <lane>
      isa.alu.mov at 8 a = <lane>
      isa.alu.mov at 9 a = <lane>
      isa.alu.mov at 10 a = <lane>
      isa.alu.mov at 11 a = <lane>
      isa.fetch at 12 row = 16, rows = 2
      isa.alu.mov at 13 a = <lane>
      isa.alu.mov at 14 a = <lane>
      isa.alu.mov at 15 a = <lane>
      isa.alu.mov at 16 a = <lane>
      isa.alu.mov at 17 a = <lane>
      isa.alu.mov at 18 a = <lane>
      isa.halt at 19
    }
  }
  isa.chip 0 class 0 {
  }
}
