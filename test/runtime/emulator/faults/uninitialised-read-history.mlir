// No result of ALU 4 completed in that cycle.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: uninitialised-read at cycle 3 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 5 [1] at cycle 3: alu.mov
isa.program @uninitialised_read_history machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue alu 4 text [0, 1, 1020] {
      isa.alu.mov at 0 a = <lane>
      isa.halt at 1
    }
    isa.queue alu 5 text [7, 1, 1019] {
      isa.alu.mov at 2 a = <alu 4 age 0>
      isa.alu.mov at 3 a = <alu 4 age 0>
      isa.halt at 4
    }
  }
  isa.chip 0 class 0 {
  }
}
