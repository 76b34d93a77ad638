// Five queues fetch in one cycle: 80 bytes, the machine moves 64.
// RUN: %python %S/../Inputs/run_isa.py %s %t --fault | FileCheck %s
// CHECK: fault: fetch-overload at cycle 3 on chip 0
// CHECK-NEXT: {{^}}  offender: chip 0 alu 4 [0] at cycle 3: fetch
// CHECK-NEXT: {{^}}  other: chip 0 alu 3 [0] at cycle 3: fetch
// CHECK-NEXT: {{^}}  80 bytes of text in one cycle, at most 64
isa.program @fetch_overload machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue alu 0 text [0, 1, 1020] {
      isa.fetch at 3 row = 0, rows = 1
      isa.halt at 4
    }
    isa.queue alu 1 text [1, 1, 1020] {
      isa.fetch at 3 row = 0, rows = 1
      isa.halt at 4
    }
    isa.queue alu 2 text [2, 1, 1020] {
      isa.fetch at 3 row = 0, rows = 1
      isa.halt at 4
    }
    isa.queue alu 3 text [3, 1, 1020] {
      isa.fetch at 3 row = 0, rows = 1
      isa.halt at 4
    }
    isa.queue alu 4 text [4, 1, 1020] {
      isa.fetch at 3 row = 0, rows = 1
      isa.halt at 4
    }
  }
  isa.chip 0 class 0 {
  }
}
