// Two results of one ALU complete in the same cycle: exp2 after 4, mov after 2.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: unit-conflict at cycle 4 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 0 [1] at cycle 2: alu.mov
// CHECK-NEXT: {{^}}  other: chip 0 alu 0 [0] at cycle 0: alu.exp2
// CHECK-NEXT: {{^}}  two results
isa.program @unit_conflict machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue alu 0 text [0, 1, 1019] {
      isa.alu.exp2 at 0 a = <lane>
      isa.alu.mov at 2 a = <lane>
      isa.halt at 3
    }
  }
  isa.chip 0 class 0 {
  }
}
