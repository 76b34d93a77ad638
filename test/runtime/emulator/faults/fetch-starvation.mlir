// The 17th row of the text was never fetched into the buffer of 16.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: fetch-starvation at cycle 16 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 3 [16] at cycle 16
// CHECK-NEXT: {{^}}  text row 16 is not in the instruction buffer
isa.program @fetch_starvation machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue alu 3 text [0, 1, 1004] {
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
      isa.alu.mov at 12 a = <lane>
      isa.alu.mov at 13 a = <lane>
      isa.alu.mov at 14 a = <lane>
      isa.alu.mov at 15 a = <lane>
      isa.alu.mov at 16 a = <lane>
      isa.halt at 17
    }
  }
  isa.chip 0 class 0 {
  }
}
